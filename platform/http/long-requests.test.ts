import { once } from 'node:events';
import { request as openRequest, type Server } from 'node:http';
import { connect } from 'node:net';
import type { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { testHost } from '#platform/testing/test-host';
import { mayTakeLong } from './long-requests.js';
import { createHttpServer } from './server.js';

const requestTimeoutMs = 300;
const piecesCount = 12;
const pieceEveryMs = 100;

it('a body that is read as it comes may take longer than any other, until it is answered', async () => {
  const host = testHost('lines');
  const { app, component } = createHttpServer(host, { port: 0, title: 'Lines' });
  const server: Server & { connectionsCheckingInterval?: number } = app.server;
  server.requestTimeout = requestTimeoutMs;
  server.headersTimeout = requestTimeoutMs;
  server.connectionsCheckingInterval = 50;
  app.addContentTypeParser('application/x-ndjson', (_request, body, done) => done(null, body));
  const schema = { body: z.any(), response: { 200: z.object({ bytes: z.int() }) } };
  for (const kind of ['patient', 'hurried', 'refusing'])
    app.post(`/api/${kind}`, { access: 'public', schema }, async (request, reply) => {
      if (kind !== 'hurried') mayTakeLong(request, reply);
      let bytes = 0;
      const count = async (): Promise<void> => {
        for await (const piece of request.body as Readable) bytes += (piece as Buffer).length;
      };
      // One that is cut ends with an error, which nobody is there to be told of.
      if (kind !== 'refusing') await count().catch(() => {});
      return { bytes };
    });
  host.use(component);
  await host.start();

  /** Sends the body slowly; resolves to the answer's status, and to whether the connection outlived the body. */
  const sent = (kind: string) =>
    new Promise<{ status: number | undefined; body: string; isCut: boolean }>((resolve) => {
      let body = '';
      let status: number | undefined;
      let isCut = false;
      const headers = { 'content-type': 'application/x-ndjson' };
      const request = openRequest(`${component.url}/api/${kind}`, { method: 'POST', headers }, (answer) => {
        status = answer.statusCode;
        answer.on('data', (piece) => {
          body += String(piece);
        });
      });
      request.on('error', () => {
        isCut = true;
      });
      request.on('close', () => {
        clearInterval(sending);
        resolve({ status, body, isCut: isCut || pieces < piecesCount });
      });
      let pieces = 0;
      const sending = setInterval(() => {
        pieces += 1;
        if (pieces < piecesCount) request.write('{}\n');
        else request.end();
        if (pieces === piecesCount) clearInterval(sending);
      }, pieceEveryMs);
    });

  const [patient, hurried, refusing] = await Promise.all(['patient', 'hurried', 'refusing'].map(sent));
  expect(patient).toEqual({ status: 200, body: `{"bytes":${3 * (piecesCount - 1)}}`, isCut: false });
  expect([hurried?.status, hurried?.isCut]).toEqual([408, true]);
  expect([refusing?.status, refusing?.isCut]).toEqual([200, true]);
  await host.stop();
});

it('a connection on which nothing follows ends as any other does', async ({ onTestFinished }) => {
  const host = testHost('lines');
  const { app, component } = createHttpServer(host, { port: 0, title: 'Lines' });
  app.server.keepAliveTimeout = 100;
  app.post(
    '/api/lines',
    { access: 'public', schema: { response: { 200: z.object({}) } } },
    (request, reply) => {
      mayTakeLong(request, reply);
      return {};
    },
  );
  host.use(component);
  await host.start();
  onTestFinished(() => host.stop());
  const socket = connect(Number(new URL(component.url).port), '127.0.0.1');
  const ended = once(socket.resume(), 'end');
  socket.write('POST /api/lines HTTP/1.1\r\nHost: lines\r\nContent-Length: 0\r\n\r\n');
  await ended;
  socket.destroy();
});
