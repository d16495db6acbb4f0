import createClient, { type Middleware } from 'openapi-fetch';
import createQueries from 'openapi-react-query';
import { cartId, rememberCartId } from './cart-id.ts';
import { accessToken, dropAccessToken } from './login.ts';
import { problemOf, Unreachable } from './problem.ts';
import type { paths } from './schema.d.ts';

const token: Middleware = {
  onRequest: async ({ request, schemaPath }) => {
    if (schemaPath.startsWith('/api/auth/') && schemaPath !== '/api/auth/sessions') return;
    const bearer = await accessToken();
    if (bearer !== undefined) request.headers.set('authorization', `Bearer ${bearer}`);
  },
};

const correlation: Middleware = {
  onRequest: ({ request }) => request.headers.set('x-correlation-id', crypto.randomUUID()),
};

/** A guest's cart is known by an id that the API signs; the first answer has it. */
const cart: Middleware = {
  onRequest: ({ request }) => {
    const id = cartId();
    if (
      id !== undefined &&
      /^\/api\/(cart|orders$|auth\/(login|register)$)/.test(new URL(request.url).pathname)
    )
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
  const again = request.headers.has('authorization') ? request.clone() : undefined;
  const response = await reach(request);
  if (response.status !== 401 || again === undefined) return response;
  dropAccessToken();
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
