import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type Authenticator, hasRole, userIdOf } from '#platform/http/auth';
import { injectTrace } from '#platform/telemetry/tracing';
import { cartIdHeader } from '#schemas/cart-id';
import { staff } from '#schemas/roles';
import { pathOf } from './request-path.js';
import { type Upstream, wholeBodyOf } from './upstream.js';

const listPath = '/api/recommendations';
/** No list waits longer for a cart: without it the list goes with what the visit put into its cart, or with nothing. */
const askMsMax = 1_000;
const cartAnswer = z.object({ items: z.array(z.object({ productId: z.string() })) });

/** The query of a list that goes with the caller's cart because it names none; undefined for any other request. */
const queryOfOwnCart = (
  path: string,
  { url = '', headers }: { url?: string | undefined; headers: IncomingHttpHeaders },
): URLSearchParams | undefined => {
  if (path !== listPath) return undefined;
  if (headers.authorization === undefined && headers[cartIdHeader] === undefined) return undefined;
  const queryAt = url.indexOf('?');
  const query = new URLSearchParams(queryAt < 0 ? '' : url.slice(queryAt));
  return query.get('scenario') === 'cart' && !query.has('productIds') ? query : undefined;
};

/** True for a GET of a list that goes with the caller's own cart: nobody else's answer is the same. */
export const isOfOwnCart = (...asked: Parameters<typeof queryOfOwnCart>): boolean =>
  queryOfOwnCart(...asked) !== undefined;

type Parts = { cart: Pick<Upstream, 'send'>; auth: Authenticator };

/**
 * The URL of a request for recommendations, with the products of the caller's cart where the list goes with it. The
 * cart is read with the caller's own credentials, and the list is made without it while it cannot be read.
 */
export const withOwnCart = async (request: FastifyRequest, { cart, auth }: Parts): Promise<string> => {
  const { url, headers, method } = request;
  const query = method === 'GET' ? queryOfOwnCart(pathOf(request), request) : undefined;
  if (query === undefined) return url;
  try {
    const asOther = query.get('userId');
    if (asOther !== null && (await isOfAnother(asOther, headers, auth))) return url;
    const asked: Record<string, string> = { 'x-correlation-id': request.id };
    // Never both: a guest's cart becomes the account's where its owner wants that, and not by a list.
    const name = headers.authorization === undefined ? cartIdHeader : 'authorization';
    asked[name] = String(headers[name]);
    injectTrace(asked);
    const signal = AbortSignal.timeout(askMsMax);
    const answer = await cart.send({ method: 'GET', path: '/api/cart', headers: asked, body: null, signal });
    const body = String(await wholeBodyOf(answer));
    // A token that is not good any more is for the recommendation service to refuse.
    if (answer.statusCode !== 200) return url;
    const ids = cartAnswer.parse(JSON.parse(body)).items.map(({ productId }) => productId);
    return ids.length === 0 ? url : `${url}&productIds=${ids.join(',')}`;
  } catch (error) {
    request.log.debug({ err: error }, 'a list is made without the caller’s cart');
    return url;
  }
};

/** Staff may ask for the list of any account, whose cart is not theirs; others may name any account without effect. */
const isOfAnother = async (
  userId: string,
  { authorization }: IncomingHttpHeaders,
  auth: Authenticator,
): Promise<boolean> => {
  const principal = await auth.principalOf(authorization);
  return hasRole(principal, ...staff) && userIdOf(principal) !== userId.toLowerCase();
};
