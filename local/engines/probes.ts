import { connect } from 'node:net';

const timeoutMs = 2_500;

/** Any 2xx answer will do. */
export const answersHttp = async (url: string): Promise<void> => {
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
};

/**
 * Sends `request` and waits for an answer for which `accepts` is true, as that of a healthy engine. `accepts` throws on
 * a bad one.
 */
export const answersTcp = (
  port: number,
  request: Buffer,
  accepts: (answer: Buffer) => boolean,
): Promise<void> => {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: timeoutMs });
    let answer = Buffer.alloc(0);
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    socket.once('connect', () => socket.write(request));
    socket.once('timeout', () => fail(new Error(`port ${port} does not answer`)));
    socket.once('error', fail);
    socket.once('close', () => reject(new Error(`port ${port} hung up`)));
    socket.on('data', (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]);
      try {
        if (!accepts(answer)) return;
        resolve();
        socket.destroy();
      } catch (error) {
        fail(error as Error);
      }
    });
  });
};
