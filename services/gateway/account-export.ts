import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { HttpApp } from '#platform/http/http-app';
import type { ServiceName } from '../table.js';
import { requestHeaders, sendOn } from './forwarding.js';
import type { Forwarding } from './routing-table.js';
import { type Upstream, type UpstreamResponse, wholeBodyOf } from './upstream.js';

export const exportPath = '/api/users/me/export';

/** A section is complete up to so many rows; its list has the rest. */
const rowsMax = 5_000;
const askMsMax = 10_000;

const exported = z.looseObject({
  elsewhere: z.array(z.object({ what: z.string(), href: z.string(), complete: z.boolean() })),
});
/** A cart has no further pages. */
const page = z.object({ items: z.array(z.unknown()), next: z.string().nullable().default(null) });

/** A guest's cart is no part of an export, and does not become the account's by it. */
const ofOtherRequests = ['if-none-match', 'x-cart-id'];

type Parts = { table: readonly Forwarding[]; upstreams: Readonly<Record<ServiceName, Upstream>> };

/**
 * The export of an account: what the user service stores, and the lists that its answer names, each asked for with the
 * caller's own token. A list whose service is away is left out, and the answer says so.
 */
export const accountExportRoute = (app: HttpApp, { table, upstreams }: Parts): void => {
  const ask = (request: FastifyRequest, to: ServiceName, path: string): Promise<UpstreamResponse> => {
    const headers = requestHeaders(request);
    for (const name of ofOtherRequests) delete headers[name];
    const signal = AbortSignal.timeout(askMsMax);
    return upstreams[to].send({ method: 'GET', path, headers, body: null, signal });
  };

  /** The rows of a list; null if it could not be read. */
  const rowsOf = async (
    request: FastifyRequest,
    href: string,
  ): Promise<{ rows: unknown[]; complete: boolean } | null> => {
    const path = href.split('?', 1)[0] ?? '';
    const target = table
      .filter((one) => one.path === path || path.startsWith(`${one.path}/`))
      .sort((one, other) => other.path.length - one.path.length)[0];
    if (target === undefined) return null;
    const rows: unknown[] = [];
    let cursor: string | null = '';
    while (cursor !== null && rows.length < rowsMax) {
      const further = cursor && `&${new URLSearchParams({ cursor })}`;
      const answer = await ask(request, target.to, `${href}${further}`);
      const body = String(await wholeBodyOf(answer));
      if (answer.statusCode !== 200) return null;
      const { items, next }: z.output<typeof page> = page.parse(JSON.parse(body));
      rows.push(...items);
      cursor = next;
    }
    return { rows, complete: cursor === null };
  };

  app.get(
    exportPath,
    { access: 'anonymous', schema: { hide: true } },
    async (request, reply): Promise<FastifyReply> => {
      const own = await ask(request, 'user', request.url);
      const body = String(await wholeBodyOf(own));
      if (own.statusCode !== 200) return sendOn(reply, { ...own, body });
      const whole = exported.parse(JSON.parse(body));
      const elsewhere = await Promise.all(
        whole.elsewhere.map(async ({ what, href }) => {
          const found = await rowsOf(request, href).catch(() => null);
          if (found !== null) whole[what] = found.rows;
          return { what, href, complete: found?.complete ?? false };
        }),
      );
      const answer = JSON.stringify({ ...whole, elsewhere });
      return sendOn(reply, {
        ...own,
        headers: { ...own.headers, 'content-length': String(Buffer.byteLength(answer)) },
        body: answer,
      });
    },
  );
};
