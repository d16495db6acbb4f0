import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { createToolAnswers } from './tool-answers.js';

it('says of each tool whether it answers, asks once for all, and does not guess what it cannot ask', async () => {
  let asked = 0;
  const server = createServer((_request, response) => {
    asked += 1;
    response.writeHead(404).end('no such page');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const zipkinUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const mailboxUrl = 'http://127.0.0.1:1';

  const answers = createToolAnswers({ zipkinUrl, mailboxUrl, prometheusUrl: undefined });
  expect(await Promise.all([answers(), answers()])).toEqual(
    Array.from({ length: 2 }, () => ({ zipkin: true, mailbox: false, prometheus: null })),
  );
  expect(asked).toBe(1);
  const elsewhere = {
    zipkinUrl,
    mailboxUrl,
    zipkinPageUrl: 'http://localhost:9411',
    prometheusUrl: mailboxUrl,
  };
  expect(await createToolAnswers(elsewhere)()).toEqual({ zipkin: true, mailbox: null, prometheus: null });
  server.close();
  server.closeAllConnections();
});

it('asks a tool that wants a login with that of its URL', async () => {
  const logins: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    logins.push(request.headers.authorization);
    response.end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const zipkinUrl = `http://tracer:p%40ss@127.0.0.1:${(server.address() as AddressInfo).port}`;

  const answers = createToolAnswers({ zipkinUrl, mailboxUrl: undefined, prometheusUrl: undefined });
  expect(await answers()).toEqual({ zipkin: true, prometheus: null, mailbox: null });
  expect(logins).toEqual([`Basic ${Buffer.from('tracer:p@ss').toString('base64')}`]);
  server.close();
  server.closeAllConnections();
});
