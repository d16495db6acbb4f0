import { z } from 'zod';
import { type Html, html } from '#platform/html';
import type { HttpApp } from '#platform/http/http-app';
import { problem } from '#platform/http/problem-details';
import { text, uuid } from '#platform/http/text';
import type { Letter, Letters } from './letters.js';

const query = z.strictObject({ to: text(254).optional() });
const params = z.strictObject({ id: uuid });

const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'";
const headers = {
  'content-security-policy': policy,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};
/**
 * Letters are what other people wrote: nothing in them runs, and nothing is loaded. The list is a page of our own, and
 * stands outside of the sandbox because a page within it cannot load itself again.
 */
const letterHeaders = { ...headers, 'content-security-policy': `${policy}; sandbox allow-popups` };

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
    reply
      .headers(letterHeaders)
      .type('text/html; charset=utf-8')
      .send(found(letters, request.params.id).html),
  );
};

const found = (letters: Letters, id: string): Letter => {
  const letter = letters.find(id);
  if (letter === undefined) throw problem(404, 'letter_not_found', 'There is no such letter.');
  return letter;
};

const listPage = (letters: readonly Letter[]): Html => html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Mailbox</title><link rel="icon" href="data:,"><meta http-equiv="refresh" content="10">
<style>
:root { color-scheme: light dark; --line: light-dark(#dfe3e8, #2c333b); --dim: light-dark(#5d6772, #98a3af); }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem;
color: light-dark(#1b1f24, #e7eaee); background: light-dark(#f6f7f9, #14171b); }
h1 { margin: 0; } p, time { color: var(--dim); } a { color: light-dark(#0b62d6, #6aa9ff); }
table { border-collapse: collapse; width: 100%; } th { color: var(--dim); font-weight: 500; }
td, th { padding: .5rem .8rem .5rem 0; text-align: left; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
time { white-space: nowrap; font-variant-numeric: tabular-nums; }
</style></head>
<body><h1>Mailbox</h1>
<p>All mail of this platform, newest first. Nothing leaves this machine. <a href="/letters">As JSON</a></p>
${letters.length === 0 ? html`<p>No letter yet: the first one comes with the first order or account.</p>` : table(letters)}
</body>
</html>
`;

const table = (letters: readonly Letter[]): Html => html`<table>
<thead><tr><th>To</th><th>Subject</th><th>Received (UTC)</th></tr></thead><tbody>
${letters.map(row)}
</tbody></table>`;

const row = ({ id, to, subject, receivedAt }: Letter): Html => html`<tr><td>${to.join(', ')}</td>
<td><a href="/letters/${id}">${subject}</a></td>
<td><time datetime="${receivedAt}">${receivedAt.slice(0, 19).replace('T', ' ')}</time></td></tr>
`;
