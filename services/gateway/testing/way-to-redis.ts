import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export type WayToRedis = {
  /** Leads to the Redis of the tests. */
  readonly url: string;
  /** Breaks the connections, and refuses others until `open`. */
  cut(): void;
  /** Commands still arrive and are carried out; their answers wait until `open`. */
  holdAnswers(): void;
  open(): void;
  close(): void;
};

/** A way of one test's own to the Redis that all tests share, so that it can break for that test alone. */
export const openWayToRedis = async (redisUrl: string): Promise<WayToRedis> => {
  const redisAt = new URL(redisUrl);
  const pairs = new Map<Socket, Socket>();
  let is: 'open' | 'cut' | 'holding' = 'open';
  const server = createServer((near) => {
    if (is === 'cut') {
      near.destroy();
      return;
    }
    const far = connect(Number(redisAt.port), redisAt.hostname);
    pairs.set(near, far);
    near.on('error', () => {}).once('close', () => far.destroy());
    far.on('error', () => {}).once('close', () => near.destroy());
    near.once('close', () => pairs.delete(near)).pipe(far);
    if (is === 'open') far.pipe(near);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const here = new URL(redisUrl);
  here.hostname = '127.0.0.1';
  here.port = String((server.address() as AddressInfo).port);
  const cut = (): void => {
    is = 'cut';
    for (const near of pairs.keys()) near.destroy();
  };
  return {
    url: here.href,
    cut,
    holdAnswers: () => {
      is = 'holding';
      for (const [near, far] of pairs) far.unpipe(near);
    },
    open: () => {
      if (is === 'holding') for (const [near, far] of pairs) far.pipe(near);
      is = 'open';
    },
    close: () => {
      cut();
      server.close();
    },
  };
};
