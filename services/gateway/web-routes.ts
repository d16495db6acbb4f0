import type { FastifyReply, FastifyRequest } from 'fastify';
import { sendUnchanged } from '#platform/http/etag';
import type { HttpApp } from '#platform/http/http-app';
import { problem, unavailable } from '#platform/http/problem-details';
import { projectPath } from '#platform/project';
import { codingFor, readWebFiles, type WebFile } from './web-files.js';

const hidden = { access: 'anonymous', schema: { hide: true } } as const;

/** The pages take everything from this gateway; no script and no style stands in their HTML. Pictures of products may
 * lie anywhere. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "font-src 'self'",
  "img-src 'self' data: http: https:",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

/** The first part of every address that the storefront has a page for. */
const storefrontPages = [
  ...['products', 'categories', 'search', 'new', 'trending', 'cart', 'checkout', 'orders', 'account'],
  ...['login', 'register', 'reset-password', 'verify-email', 'platform'],
];

export type WebFiles = ReadonlyMap<string, WebFile>;

/** The built apps; empty where nothing is built. */
export const webFiles = (): WebFiles => readWebFiles(projectPath('dist/web'));

/** The three apps: their pages, also for deep links, their hashed files and the mark of the shop. */
export const webRoutes = (app: HttpApp, files: WebFiles): void => {
  const page = (url: string, name: string): void => {
    app.get(url, hidden, (request, reply) => {
      const file = files.get(name);
      if (file === undefined) throw notBuilt();
      return send(request, reply, file);
    });
  };
  page('/', 'storefront.html');
  for (const name of ['dashboard', 'admin']) {
    page(`/${name}`, `${name}.html`);
    page(`/${name}/*`, `${name}.html`);
  }
  for (const name of storefrontPages) {
    page(`/${name}`, 'storefront.html');
    page(`/${name}/*`, 'storefront.html');
  }

  // Browsers ask for it beside every answer that is no page of ours, such as a document in JSON.
  const mark = [...files].find(([name]) => /^assets\/mark-[\w-]+\.svg$/.test(name))?.[1];
  app.get('/favicon.ico', hidden, (request, reply) => {
    if (mark === undefined) throw notBuilt();
    return send(request, reply, { ...mark, isImmutable: false });
  });

  app.get('/assets/:name', hidden, (request, reply) => {
    const file = files.get(`assets/${(request.params as { name: string }).name}`);
    if (file === undefined) throw problem(404, 'route_not_found', 'There is nothing at this address.');
    return send(request, reply, file);
  });
};

/** The shop's page with a 404 for a browser at an address that does not exist; nothing for who does not ask for HTML. */
export const pageForLost =
  (files: WebFiles) =>
  (request: FastifyRequest, reply: FastifyReply): boolean => {
    const { method, url, headers } = request;
    const storefront = files.get('storefront.html');
    const isBrowser = method === 'GET' && headers.accept?.includes('text/html') === true;
    if (storefront === undefined || !isBrowser || /^\/api(?:[/?]|$)/.test(url)) return false;
    send(request, reply.code(404), storefront, 'accept, accept-encoding');
    return true;
  };

const notBuilt = () => unavailable('web_not_built', 'The pages are not built: run `npm run setup`.', 60);

const send = (
  request: FastifyRequest,
  reply: FastifyReply,
  file: WebFile,
  vary = 'accept-encoding',
): FastifyReply => {
  const { contentType, etag, isImmutable, codings } = file;
  reply.headers({
    vary,
    'cache-control': isImmutable ? 'public, max-age=31536000, immutable' : 'no-cache',
    'content-security-policy': contentSecurityPolicy,
  });
  if (sendUnchanged(request, reply, etag)) return reply;
  const coding = codingFor(request.headers['accept-encoding'], file);
  if (coding !== 'identity') reply.header('content-encoding', coding);
  return reply.type(contentType).send(codings[coding]);
};
