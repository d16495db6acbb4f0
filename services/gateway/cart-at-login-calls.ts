import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { bearing } from '#platform/http/auth';
import { injectTrace } from '#platform/telemetry/tracing';
import { cartIdHeader } from '#schemas/cart-id';
import { pathOf } from './request-path.js';
import { type Upstream, type UpstreamResponse, wholeBodyOf } from './upstream.js';

const loginPaths: ReadonlySet<string> = new Set(['/api/auth/login', '/api/auth/register']);
/** No login waits longer for a cart, which then becomes the user's at the next request with both. */
const askMsMax = 2_000;
const loggedIn = z.looseObject({ accessToken: z.string() });

/**
 * The answer to a login, once the guest's cart that the request names is part of the user's. The cart service makes it so
 * at the first request with the cart's id and the user's token, and nobody has both earlier than the gateway.
 */
export const withCartAtLogin = async (
  request: FastifyRequest,
  answer: UpstreamResponse,
  cart: Pick<Upstream, 'send'>,
): Promise<UpstreamResponse> => {
  const cartId = request.headers[cartIdHeader];
  const isLogin = request.method === 'POST' && loginPaths.has(pathOf(request));
  if (typeof cartId !== 'string' || !isLogin || answer.statusCode >= 300) return answer;
  const body = await wholeBodyOf(answer);
  try {
    const { accessToken } = loggedIn.parse(JSON.parse(String(body)));
    const headers = {
      authorization: bearing(accessToken),
      [cartIdHeader]: cartId,
      'x-correlation-id': request.id,
    };
    injectTrace(headers);
    const signal = AbortSignal.timeout(askMsMax);
    await wholeBodyOf(await cart.send({ method: 'GET', path: '/api/cart', headers, body: null, signal }));
  } catch (error) {
    request.log.warn({ err: error }, 'a guest’s cart waits for the next request with it');
  }
  return { ...answer, body };
};
