import { QueryClient, QueryObserver } from '@tanstack/react-query';
import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { emptyCart } from './cart.ts';

/** The parts of a browser that the cart uses, and an API that answers when a test says so. */
const kept = new Map<string, string>();
let asked: { path: string; cartId: string | null; answer(body: object): void }[] = [];

let uniteCarts: typeof import('./use-cart.ts').uniteCarts;
let knownCart: typeof import('./use-cart.ts').knownCart;
let client: QueryClient;

beforeAll(() => {
  vi.resetModules();
});
beforeEach(async () => {
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  });
  vi.stubGlobal('fetch', ({ url, headers }: Request) => {
    const { promise, resolve } = Promise.withResolvers<Response>();
    const answer = (body: object) => resolve(Response.json(body));
    asked.push({ path: new URL(url).pathname, cartId: headers.get('x-cart-id'), answer });
    return promise;
  });
  vi.stubGlobal(
    'Request',
    class extends Request {
      constructor(input: string, init?: RequestInit) {
        super(new URL(input, 'http://shop.example'), init);
      }
    },
  );
  asked = [];
  kept.set('cartstream.cart', 'id of the guest');
  client = new QueryClient({ defaultOptions: { queries: { staleTime: 30_000 } } });
  ({ uniteCarts, knownCart } = await import('./use-cart.ts'));
});
afterEach(() => {
  client.clear();
  kept.clear();
  vi.unstubAllGlobals();
});

const one = { productId: 'lamp', name: 'Lamp', quantity: 5, unitPrice: { amountMinor: 1, currency: 'GBP' } };
const united = {
  ...emptyCart,
  items: [one],
  warnings: [{ code: 'left_out', productId: 'mug', message: '3 of it did not fit.' }],
};

it('what had no room in the cart of both is kept, since no other answer says it', async () => {
  const key = ['get', '/api/cart', 'ann'];
  const others = vi.fn(async () => 'orders');
  const shown = new QueryObserver(client, { queryKey: ['orders'], queryFn: others });
  const leave = shown.subscribe(() => undefined);
  await vi.waitFor(() => expect(others).toHaveBeenCalledTimes(1));
  const uniting = uniteCarts(client, 'ann');
  await vi.waitFor(() => expect(asked).toMatchObject([{ path: '/api/cart', cartId: 'id of the guest' }]));
  asked[0]?.answer(united);
  await uniting;
  expect(client.getQueryData(key)).toEqual(united);
  expect(client.getQueryState(key)?.isInvalidated).toBe(false);
  expect(asked).toHaveLength(1);
  expect(others).toHaveBeenCalledTimes(2);
  expect(kept.has('cartstream.cart')).toBe(false);
  leave();
});

it('the carts are united also where the cache has the cart of an earlier login', async () => {
  const key = ['get', '/api/cart', 'ann'];
  client.setQueryData(key, emptyCart);
  const uniting = uniteCarts(client, 'ann');
  await vi.waitFor(() => expect(asked).toMatchObject([{ path: '/api/cart', cartId: 'id of the guest' }]));
  asked[0]?.answer(united);
  await uniting;
  expect(client.getQueryData(key)).toEqual(united);
});

it('what is put in before the cart was read waits for the answer that is under way', async () => {
  const { promise: answered, resolve } = Promise.withResolvers<typeof united>();
  const reading = client.fetchQuery({ queryKey: ['get', '/api/cart', 'ann'], queryFn: () => answered });
  const known = knownCart(client, 'ann');
  resolve(united);
  expect(await known).toEqual(united);
  await reading;
  expect(await knownCart(client, 'ann')).toEqual(united);
  expect(asked).toEqual([]);
});
