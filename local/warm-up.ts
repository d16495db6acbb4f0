import { randomUUID } from 'node:crypto';

const answerMsMax = 3_000;
const roundsMax = 2;

/**
 * Runs a first visit after a start, so that no shopper has to wait for code that is compiled at its first use. It reads
 * pages as a visitor does and sends one order that is refused for its quantity, so nothing is written or published. Its
 * failures are ignored, because a real request would show them again.
 */
export const warmUp = async (gatewayUrl: string): Promise<void> => {
  for (let round = 0; round < roundsMax; round += 1) {
    try {
      const { items } = (await ask(gatewayUrl, '/api/products?limit=20')) as { items: { id: string }[] };
      const productId = items[0]?.id ?? randomUUID();
      await Promise.all([
        ask(gatewayUrl, `/api/products/${productId}`),
        ask(gatewayUrl, `/api/inventory/${productId}`),
        ask(gatewayUrl, `/api/recommendations?scenario=product&productId=${productId}`),
        ask(gatewayUrl, `/api/orders/${randomUUID()}`),
        ask(gatewayUrl, '/api/orders', refusedOrder(productId)),
      ]);
    } catch {
      return;
    }
  }
};

const ask = async (gatewayUrl: string, path: string, body?: object): Promise<unknown> => {
  const answer = await fetch(`${gatewayUrl}${path}`, {
    signal: AbortSignal.timeout(answerMsMax),
    ...(body === undefined
      ? {}
      : {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'idempotency-key': `warm-up-${randomUUID()}` },
          body: JSON.stringify(body),
        }),
  });
  return answer.json();
};

/** More pieces than one order may have. */
const refusedOrder = (productId: string) => ({
  items: [1, 2].map(() => ({ productId, quantity: 1_000 })),
  shippingAddress: {
    name: 'Warm-up',
    line1: '1 Engine Row',
    city: 'London',
    postalCode: 'N1',
    country: 'GB',
  },
  payment: { method: 'card', token: 'tok_ok' },
  email: 'warm-up@cartstream.local',
});
