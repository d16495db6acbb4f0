import createClient, { type Middleware } from 'openapi-fetch';
import createQueries from 'openapi-react-query';
import { cartId, rememberCartId } from './cart-id.ts';
import { accessToken, accessTokenIfSoon, dropAccessToken } from './login.ts';
import { newId } from './new-id.ts';
import { problemOf, Unreachable } from './problem.ts';
import type { paths } from './schema.d.ts';

/** Nobody has to be logged in for what opens, renews and ends a login; the sessions are their owner's alone. */
const isOfLogin = (path: string): boolean =>
  path.startsWith('/api/auth/') && !path.startsWith('/api/auth/sessions');

/** What a guest sees and does as well. */
const forGuests: ReadonlySet<string> = new Set([
  'GET /api/products',
  'GET /api/products/{productId}',
  'GET /api/products/{productId}/reviews',
  'GET /api/products/featured',
  'GET /api/products/search',
  'GET /api/categories',
  'GET /api/recommendations',
  'POST /api/events',
]);
let isShop = false;
/** Says that the pages are the shop's: there everybody sees what guests see, also while the accounts are away. */
export const openToGuests = (): void => {
  isShop = true;
};

const token: Middleware = {
  onRequest: async ({ request, schemaPath }) => {
    if (isOfLogin(schemaPath)) return;
    const isForGuests = isShop && forGuests.has(`${request.method} ${schemaPath}`);
    const bearer = await (isForGuests ? accessTokenIfSoon() : accessToken());
    if (bearer !== undefined) request.headers.set('authorization', `Bearer ${bearer}`);
  },
};

const correlation: Middleware = {
  onRequest: ({ request }) => request.headers.set('x-correlation-id', newId()),
};

/**
 * A guest's cart is known by an id that the API signs; the first answer has it. A login is not told of it: the cart's own
 * answer says what found no place when the two became one.
 */
const cart: Middleware = {
  onRequest: ({ request }) => {
    const id = cartId();
    if (id !== undefined && /^\/api\/(cart|orders$)/.test(new URL(request.url).pathname))
      request.headers.set('x-cart-id', id);
  },
  onResponse: ({ response }) => {
    const id = response.headers.get('x-cart-id');
    if (id) rememberCartId(id);
  },
};

/** Whatever is no success is thrown, so that no caller can overlook it. */
const problems: Middleware = {
  onResponse: async ({ response }) => {
    if (!response.ok && response.status !== 304) throw await problemOf(response);
  },
};

/** Sends a request, and once more with a fresh token where the first one is not accepted any more. */
const send = async (request: Request): Promise<Response> => {
  const [, refused] = /^Bearer (.+)$/.exec(request.headers.get('authorization') ?? '') ?? [];
  if (refused === undefined) return reach(request);
  const again = request.clone();
  const response = await reach(request);
  if (response.status !== 401) return response;
  dropAccessToken(refused);
  const bearer = await accessToken();
  if (bearer === undefined) return response;
  again.headers.set('authorization', `Bearer ${bearer}`);
  return reach(again);
};

const reach = async (request: Request): Promise<Response> => {
  try {
    return await fetch(request);
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new Unreachable(cause);
  }
};

/**
 * The API as its OpenAPI document describes it. An answer without success is thrown as `ApiProblem`, no answer as
 * `Unreachable`; so `data` is there whenever a call resolves.
 */
export const api = createClient<paths>({ baseUrl: '', fetch: send });
api.use(token, correlation, cart, problems);

/**
 * The body of a PUT. Where it has a member for any JSON, openapi-fetch's types refuse every body, so that its callers write
 * `satisfies PutBody<path> as never`.
 */
export type PutBody<P extends keyof paths> = paths[P] extends {
  put: { requestBody: { content: { 'application/json': infer B } } };
}
  ? B
  : never;

/** The same for TanStack Query. Keys are method, path and parameters, so lists are invalidated by their path. */
export const query = createQueries(api);
