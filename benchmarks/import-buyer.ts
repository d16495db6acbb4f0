import { sleep } from '#platform/waiting/sleep';
import type { Shop } from '../tests/shop.js';

export type BuyersWaits = {
  /** From the change of a price until an order was at the new one. */
  newPriceMs: number[];
  /** The same, until a cart with the product showed it. */
  newPriceInCartMs: number[];
  /** From a product's creation until an order of it was accepted. */
  acceptedMs: number[];
  /** The same, until it was confirmed. */
  confirmedMs: number[];
};

const restMs = 500;
const againMs = 50;
const patienceMs = 60_000;

/**
 * Makes a product and orders it, changes its price and orders it again, until `stop` is called: what an import beside it
 * makes people wait for.
 */
export const startImportBuyer = (shop: Shop, token: string): { stop(): Promise<BuyersWaits> } => {
  const waits: BuyersWaits = { newPriceMs: [], newPriceInCartMs: [], acceptedMs: [], confirmedMs: [] };
  let isStopped = false;

  const description = (amountMinor: number) => ({
    name: 'Candle',
    category: 'bench',
    price: { amountMinor, currency: 'EUR' },
    initialStock: 1_000,
  });
  const place = async (productId: string): Promise<string | undefined> => {
    const { status, body } = await shop.placeOrder({ token, items: [{ productId, quantity: 1 }] });
    return status === 202 ? body.id : undefined;
  };
  /** The milliseconds until `attempt` has come to something. */
  const timed = async (attempt: () => Promise<boolean>): Promise<number> => {
    const fromMs = performance.now();
    while (!(await attempt()) && performance.now() - fromMs < patienceMs) await sleep(againMs);
    return performance.now() - fromMs;
  };

  const buyNewProduct = async (): Promise<string> => {
    const { body } = await shop.call<{ id: string }>('POST', '/api/products', {
      token,
      body: description(100),
    });
    let orderId: string | undefined;
    const acceptedMs = await timed(async () => {
      orderId = await place(body.id);
      return orderId !== undefined;
    });
    waits.acceptedMs.push(acceptedMs);
    if (orderId === undefined) return body.id;
    const fromMs = performance.now();
    await shop.settled(orderId, token, patienceMs);
    waits.confirmedMs.push(acceptedMs + performance.now() - fromMs);
    return body.id;
  };

  const cartShows = async (cartId: string): Promise<number | undefined> => {
    const { body } = await shop.call<{ items: { unitPrice: { amountMinor: number } }[] }>(
      'GET',
      '/api/cart',
      { headers: { 'x-cart-id': cartId } },
    );
    return body.items[0]?.unitPrice.amountMinor;
  };

  const buyAtNewPrice = async (productId: string): Promise<void> => {
    const put = await shop.call('PUT', `/api/cart/items/${productId}`, { body: { quantity: 1 } });
    const { status } = await shop.call('PUT', `/api/products/${productId}`, {
      token,
      headers: { 'if-match': '*' },
      body: description(200),
    });
    if (status !== 200) throw new Error(`the price was not changed: ${status}`);
    const [inOrderMs, inCartMs] = await Promise.all([
      timed(async () => {
        const orderId = await place(productId);
        return orderId !== undefined && (await shop.orderOf(orderId, token)).total.amountMinor === 200;
      }),
      timed(async () => (await cartShows(put.headers.get('x-cart-id') ?? '')) === 200),
    ]);
    waits.newPriceMs.push(inOrderMs);
    waits.newPriceInCartMs.push(inCartMs);
  };

  const buying = (async () => {
    while (!isStopped) {
      await buyAtNewPrice(await buyNewProduct());
      await sleep(restMs);
    }
  })();
  return {
    stop: async () => {
      isStopped = true;
      await buying;
      return waits;
    },
  };
};
