/** A payment provider that grants everything, `answerMs` (its one argument) after it was asked. Prints its URL. */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const answerMs = Number(process.argv[2] ?? 100);
const server = createServer((request, response) => {
  request.resume();
  setTimeout(() => {
    const body = JSON.stringify({ id: randomUUID(), status: 'captured' });
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
    response.end(body);
  }, answerMs);
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () =>
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
);
