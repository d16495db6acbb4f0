import { expect, it } from 'vitest';
import { fillShop } from './seeding.js';
import type { Call, ShopAnswer, ShopClient } from './shop-client.js';

type Product = { externalId: string; attributes: { place: number }; isRemoved: boolean; isTold: boolean };

/** As much of the shop as a seed sees: an account, products, and an import that may stop. */
const smallShop = () => {
  const products: Product[] = [];
  const accounts = new Map<string, { password: string; roles: string[] }>();
  /** How many further imports stop after so many lines. */
  const stops: number[] = [];
  const imported = (body: string) => {
    const lines = body.trim().split('\n');
    const taken = lines.slice(0, stops.shift());
    const errors: { line: number; code: string }[] = [];
    let created = 0;
    for (const [nth, line] of taken.entries()) {
      const { externalId, attributes } = JSON.parse(line) as Product;
      const known = products.find((product) => product.externalId === externalId);
      if (known !== undefined) known.isTold = true;
      if (known?.isRemoved) errors.push({ line: nth + 1, code: 'product_removed' });
      if (known !== undefined) continue;
      products.push({ externalId, attributes, isRemoved: false, isTold: false });
      created += 1;
    }
    return { created, errors, isComplete: taken.length === lines.length };
  };
  const logIn = (email: string, password: string): [number, unknown] => {
    const account = accounts.get(email);
    return account?.password === password
      ? [200, { accessToken: 'token', user: { id: email, roles: account.roles } }]
      : [401, {}];
  };
  const answer = (path: string, body: unknown): [number, unknown] => {
    if (path.startsWith('/api/products?'))
      return [200, { items: products.filter(({ isRemoved }) => !isRemoved), next: null }];
    if (path === '/api/products/import') return [200, imported(body as string)];
    if (path.startsWith('/api/users/')) {
      const account = accounts.get(path.split('/')[3] as string);
      account?.roles.splice(0, Number.POSITIVE_INFINITY, ...(body as { roles: string[] }).roles);
      return [200, {}];
    }
    const { email, password } = body as { email: string; password: string };
    if (path === '/api/auth/login') return logIn(email, password);
    if (accounts.has(email)) return [409, {}];
    accounts.set(email, { password, roles: ['customer'] });
    return [201, { user: { id: email, roles: ['customer'] } }];
  };
  const shop: ShopClient = {
    call: async <T>(_: string, path: string, { body }: Call = {}): Promise<ShopAnswer<T>> => {
      const [status, answered] = answer(path, body);
      return { status, body: answered as T, retryAfterMs: undefined };
    },
    close: async () => {},
  };
  const admin = { email: 'admin@example.com', password: 'root' };
  accounts.set(admin.email, { password: admin.password, roles: ['admin'] });
  const fill = (size: number) =>
    fillShop(shop, { admin, analystEmail: 'analyst@example.com', size, say: () => {} });
  const places = () => products.flatMap(({ isRemoved, attributes: { place } }) => (isRemoved ? [] : [place]));
  const remove = (place: number): void => {
    for (const product of products) product.isRemoved ||= product.attributes.place === place;
  };
  return { fill, places, remove, stops, accounts, products };
};

const upTo = (count: number, ...removed: number[]) =>
  Array.from({ length: count }, (_, place) => place).filter((place) => !removed.includes(place));

it('an import that had to stop is sent again, until every product is there', async () => {
  const { fill, places, stops } = smallShop();
  stops.push(0, 7);
  await fill(20);
  expect(places()).toEqual(upTo(20));
});

it('what the people of the shop have removed stays removed, also the last product and all of them', async () => {
  const { fill, places, remove } = smallShop();
  await fill(20);
  for (const place of [3, 19]) remove(place);
  expect(await fill(20)).toBe(0);
  expect(places()).toEqual(upTo(20, 3, 19));
  expect(await fill(25)).toBe(5);
  expect(places()).toEqual(upTo(25, 3, 19));
  for (const place of upTo(25)) remove(place);
  await fill(25);
  expect(places()).toEqual([]);
});

it('what the people of the shop have changed stays as it is: nothing is described anew', async () => {
  const { fill, products } = smallShop();
  await fill(20);
  await fill(20);
  await fill(25);
  expect(products.filter(({ isTold }) => isTold)).toEqual([]);
});

it('the analyst may see the analytics, and an account whose password is its own by now stops nothing', async () => {
  const { fill, places, accounts } = smallShop();
  await fill(2);
  expect(accounts.get('analyst@example.com')).toEqual({ password: 'root', roles: ['customer', 'analyst'] });
  accounts.set('analyst@example.com', { password: 'her own', roles: ['customer'] });
  await fill(4);
  expect(places()).toEqual(upTo(4));
  expect(accounts.get('analyst@example.com')).toEqual({ password: 'her own', roles: ['customer'] });
});
