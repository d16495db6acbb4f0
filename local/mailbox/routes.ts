import { z } from 'zod';
import { type Html, html } from '#platform/html';
import { problem } from '#platform/http/problem-details';
import type { HttpApp } from '#platform/http/server';
import { text, uuid } from '#platform/http/text';
import type { Letter, Letters } from './letters.js';

const query = z.strictObject({ to: text(254).optional() });
const params = z.strictObject({ id: uuid });

/** Letters are what other people wrote: nothing in them runs, and nothing is loaded. */
const headers = {
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; frame-ancestors 'self'; sandbox allow-popups",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

export const mailboxRoutes = (app: HttpApp, letters: Letters): void => {
  const hidden = { hide: true } as const;
  app.get('/', { access: 'anonymous', schema: { ...hidden, querystring: query } }, (request, reply) =>
    reply
      .headers(headers)
      .type('text/html; charset=utf-8')
      .send(listPage(letters.list(request.query.to)).html),
  );
  app.get(
    '/letters',
    { access: 'anonymous', schema: { ...hidden, querystring: query } },
    async (request) => ({
      items: letters.list(request.query.to),
    }),
  );
  app.get('/letters/:id', { access: 'anonymous', schema: { ...hidden, params } }, (request, reply) =>
    reply.headers(headers).type('text/html; charset=utf-8').send(found(letters, request.params.id).html),
  );
};

const found = (letters: Letters, id: string): Letter => {
  const letter = letters.find(id);
  if (letter === undefined) throw problem(404, 'letter_not_found', 'There is no such letter.');
  return letter;
};

const listPage = (letters: readonly Letter[]): Html => html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Mailbox</title><meta http-equiv="refresh" content="10">
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1b1f24; }
table { border-collapse: collapse; width: 100%; } td, th { padding: .4rem .8rem .4rem 0; text-align: left;
border-top: 1px solid #dfe3e8; } a { color: #0b62d6; }
</style></head>
<body><h1>Mailbox</h1>
<p>All mail of this platform, newest first. Nothing leaves this machine. <a href="/letters">As JSON</a></p>
<table><thead><tr><th>To</th><th>Subject</th><th>Received</th></tr></thead><tbody>
${letters.map(row)}
</tbody></table></body>
</html>
`;

const row = ({ id, to, subject, receivedAt }: Letter): Html =>
  html`<tr><td>${to.join(', ')}</td><td><a href="/letters/${id}">${subject}</a></td><td>${receivedAt}</td></tr>
`;
