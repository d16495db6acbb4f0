import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createTokens, persistently, type ShopClient, shopClient } from './shop-client.js';

let server: Server;
let shop: ShopClient;

afterEach(async () => {
  await shop.close();
  await new Promise((done) => server.close(done));
});

/** Answers one request after the other with these. */
const shopThatAnswers = async (answers: { status: number; retryAfterS?: number }[]): Promise<void> => {
  server = createServer((_request, response) => {
    const { status, retryAfterS } = answers.shift() ?? { status: 500 };
    const headers = retryAfterS === undefined ? {} : { 'retry-after': `${retryAfterS}` };
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end('{}');
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  shop = shopClient(`http://127.0.0.1:${port}`, { connectionsMax: 1, traceRatio: 0 });
};

describe('a client that persists', () => {
  it('waits for a limit as long as the shop says, which is longer than it bears failures', async () => {
    await shopThatAnswers([
      { status: 429, retryAfterS: 1 },
      { status: 429, retryAfterS: 1 },
      { status: 201 },
    ]);
    const startedAtMs = performance.now();
    expect((await persistently(() => shop.call('POST', '/'), 900)).status).toBe(201);
    expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(1_990);
  });

  it('gives up on a shop that is not itself, with its last answer', async () => {
    await shopThatAnswers([{ status: 503, retryAfterS: 30 }]);
    expect((await persistently(() => shop.call('GET', '/'), 200)).status).toBe(500);
  });

  it('gives up on one that cannot be reached, with the error', async () => {
    await shopThatAnswers([]);
    await new Promise((done) => server.close(done));
    await expect(persistently(() => shop.call('GET', '/'), 200)).rejects.toThrow('ECONNREFUSED');
  });
});

it('logs in once for all that it does in ten minutes, and again where a login has failed', async () => {
  await shopThatAnswers([]);
  let logins = 0;
  let atMs = 0;
  const tokenOf = createTokens(
    async () => {
      logins += 1;
      if (logins === 1) throw new Error('not now');
      return `token ${logins}`;
    },
    () => atMs,
  );
  await expect(tokenOf(shop)).rejects.toThrow('not now');
  expect(await Promise.all([tokenOf(shop), tokenOf(shop)])).toEqual(['token 2', 'token 2']);
  atMs = 10 * 60_000;
  expect(await tokenOf(shop)).toBe('token 3');
});
