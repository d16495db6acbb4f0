import { createServer, type Server } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { brokerAnswers } from './broker-probe.js';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** Listens as the system does for any process; `answer` is what the process behind it says. */
const listening = async (answer: (request: Buffer) => Buffer | null): Promise<string> => {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (request: Buffer) => {
      const bytes = answer(request);
      if (bytes !== null) socket.write(bytes);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as { port: number }).port}`;
};

test('a broker that takes the connection and says nothing does not answer', async () => {
  expect(await brokerAnswers(await listening(() => null), {}, 50)).toBe(false);
});

test('neither does anything that is no broker, nor nobody', async () => {
  expect(await brokerAnswers(await listening(() => Buffer.from('HTTP/1.1 400 Bad')), {}, 1_000)).toBe(false);
  expect(await brokerAnswers('127.0.0.1:1', {}, 1_000)).toBe(false);
});

test('one that answers the request does', async () => {
  // The answer to a request begins with its size and the request's correlation id.
  const echo = (request: Buffer): Buffer => {
    const answer = Buffer.alloc(10);
    answer.writeInt32BE(6, 0);
    request.copy(answer, 4, 8, 12);
    return answer;
  };
  expect(await brokerAnswers(await listening(echo), {}, 1_000)).toBe(true);
});
