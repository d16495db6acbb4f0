import { randomUUID } from 'node:crypto';
import type { Pool } from 'undici';
import { type Answer, buyFromVendure } from './vendure-buyer.js';

/** `products` are ids of products, of variants at Vendure. */
export type ShopToBuyAt =
  /** Places the order, then asks for its status, which answers when it changes, until it is final. */
  | { kind: 'cartstream'; products: string[] }
  /** The answer to the order is final. */
  | { kind: 'one-request'; products: string[] }
  | { kind: 'vendure'; products: string[]; shippingMethodId: string };

const requestTimeoutMs = 60_000;
const statusWaitMs = 10_000;
const confirmedMsMax = 60_000;
const address = { name: 'Ada', line1: '1 Engine Row', city: 'London', postalCode: 'N1', country: 'GB' };

export type Buying = {
  productId: string;
  /** Further products of the same cart, in the order in which they are put into it. */
  alsoProductIds?: readonly string[];
  email: string;
  onAccepted?: (order: { id: string; orderToken: string }) => void;
};

/** A guest's whole checkout of one piece of each product: `confirmed`, or how else it ended. */
export const buyAt = (pool: Pool, shop: ShopToBuyAt, buying: Buying): Promise<string> => {
  const { email } = buying;
  const send = sendBy(pool);
  if (shop.kind === 'vendure')
    return buyFromVendure((path, body, headers) => send('POST', path, headers, body), {
      variantIds: productsOf(buying),
      shippingMethodId: shop.shippingMethodId,
      email,
    }).then((state) => (state === 'PaymentSettled' ? 'confirmed' : state));
  return buyByOrder(send, buying);
};

const productsOf = ({ productId, alsoProductIds = [] }: Buying): string[] => [productId, ...alsoProductIds];

type Send = (
  method: 'GET' | 'POST',
  path: string,
  headers: Record<string, string>,
  body?: string,
) => Promise<Answer>;

const sendBy =
  (pool: Pool): Send =>
  async (method, path, headers, body) => {
    const answer = await pool.request({
      method,
      path,
      headersTimeout: requestTimeoutMs,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body }),
    });
    return { status: answer.statusCode, text: await answer.body.text(), headers: answer.headers };
  };

type OrderState = { id: string; status: string; reason?: string; orderToken?: string };

const buyByOrder = async (send: Send, buying: Buying): Promise<string> => {
  const { email, onAccepted } = buying;
  const order = {
    items: productsOf(buying).map((productId) => ({ productId, quantity: 1 })),
    shippingAddress: address,
    payment: { method: 'card', token: 'tok_ok' },
    email,
  };
  const placed = await send(
    'POST',
    '/api/orders',
    { 'idempotency-key': randomUUID() },
    JSON.stringify(order),
  );
  const { id, orderToken = '', ...answered } = stateIn(placed, 202);
  onAccepted?.({ id, orderToken });
  let { status, reason } = answered;
  const giveUpAtMs = performance.now() + confirmedMsMax;
  while (status !== 'confirmed' && status !== 'cancelled') {
    if (performance.now() > giveUpAtMs) return `${status} after ${confirmedMsMax} ms`;
    const asked = await send('GET', `/api/orders/${id}/status?waitMs=${statusWaitMs}`, {
      'x-order-token': orderToken,
    });
    ({ status, reason } = stateIn(asked, 200) as OrderState);
  }
  return reason ?? status;
};

const stateIn = ({ status, text }: Answer, expected: number): OrderState => {
  if (status !== expected) throw new Error(`${status} ${text.slice(0, 200)}`);
  return JSON.parse(text) as OrderState;
};
