import { randomUUID } from 'node:crypto';
import { createServer, type Server, Socket } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { createRedis, type RedisClient } from '#platform/redis/client';
import { createRedisListener } from '#platform/redis/listener';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { testHost } from '#platform/testing/test-host';

const started: RedisClient[] = [];
const open = async (url: string, options = {}): Promise<RedisClient> => {
  const redis = createRedis({ ...testHost(), logger: testHost().logger }, url, options);
  started.push(redis);
  await redis.start();
  return redis;
};
afterEach(async () => {
  await Promise.all(started.splice(0).map((redis) => redis.stop()));
});

test('commands are answered, and health is up', async () => {
  const redis = await open(engines().redisUrl);
  const key = `cache:test-${randomUUID()}`;
  await redis.client.set(key, 'value', 'EX', 10);
  expect(await redis.orElse((client) => client.get(key), null)).toBe('value');
  expect(await redis.checkHealth?.()).toEqual({ status: 'up' });
});

test('a Redis that is away delays neither start nor a command, and is degraded, not down', async () => {
  const startedAt = performance.now();
  const redis = await open('redis://127.0.0.1:1');
  expect(redis.isAvailable()).toBe(false);
  expect(await redis.orElse((client) => client.get('k'), 'fallback')).toBe('fallback');
  await expect(redis.client.get('k')).rejects.toThrow();
  expect(await redis.checkHealth?.()).toMatchObject({ status: 'degraded' });
  expect(performance.now() - startedAt).toBeLessThan(2_000);
});

test('a Redis whose machine is lost is noticed also by who only listens: the system asks after ten seconds', async () => {
  const asks = vi.spyOn(Socket.prototype, 'setKeepAlive');
  const listener = createRedisListener(testHost(), engines().redisUrl, `test-${randomUUID()}`, {
    onMessage: () => {},
    onGap: () => {},
  });
  await listener.start();
  await eventually(() => listener.isListening());
  expect(asks.mock.calls).toEqual([[true, 10_000]]);
  asks.mockRestore();
  await listener.stop();
});

test('a Redis that hangs is given up on, and one that comes back is used again', async () => {
  const sockets = new Set<Socket>();
  let answering = false;
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (data) => {
      if (!answering) return;
      for (const line of String(data).split('\r\n')) {
        if (/^info$/i.test(line)) socket.write('$13\r\nloading:0\r\n\r\n\r\n');
        else if (/^(get|ping|client)$/i.test(line)) socket.write('+PONG\r\n');
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const startedAt = performance.now();
  const redis = await open(`redis://127.0.0.1:${port}`, { commandTimeoutMs: 100 });
  expect(await redis.orElse((client) => client.get('k'), 'fallback')).toBe('fallback');
  expect(performance.now() - startedAt).toBeLessThan(4_000);
  answering = true;
  for (const socket of sockets) socket.destroy();
  await eventually(() => redis.isAvailable());
  expect(await redis.orElse((client) => client.get('k'), 'fallback')).toBe('PONG');
  await redis.stop();
  server.close();
});

test('a Redis that freezes costs one timeout, then one probe a second, until it answers again', async () => {
  let isFrozen = false;
  let asked = 0;
  let held = '';
  const server: Server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (data) => {
      for (const line of String(data).split('\r\n')) {
        if (/^get$/i.test(line)) asked += 1;
        const answer = /^info$/i.test(line)
          ? '$13\r\nloading:0\r\n\r\n\r\n'
          : /^(get|ping|client)$/i.test(line)
            ? '+PONG\r\n'
            : '';
        if (isFrozen) held += answer;
        else {
          socket.write(held + answer);
          held = '';
        }
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  let nowMs = 0;
  const redis = await open(`redis://127.0.0.1:${port}`, { commandTimeoutMs: 100, nowMs: () => nowMs });
  await eventually(() => redis.isAvailable());
  const ask = () => redis.orElse((client) => client.get('k'), 'fallback');
  const askTogether = async () => new Set(await Promise.all(Array.from({ length: 20 }, ask)));
  expect(await ask()).toBe('PONG');
  isFrozen = true;
  expect(await ask()).toBe('fallback');
  expect(asked).toBe(2);
  for (let request = 0; request < 20; request += 1) expect(await ask()).toBe('fallback');
  expect(asked).toBe(2);
  nowMs += 1001;
  expect(await askTogether()).toEqual(new Set(['fallback']));
  expect(asked).toBe(3);
  isFrozen = false;
  nowMs += 1001;
  expect(await ask()).toBe('PONG');
  expect(await askTogether()).toEqual(new Set(['PONG']));
  await redis.stop();
  server.close();
});
