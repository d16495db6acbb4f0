import { expect, test } from 'vitest';
import type { Shop } from '../../tests/shop.js';
import { type Listed, probeVisitor } from './probes.js';

const product = (id: string): Listed => ({ id, name: id, category: 'c' });

/** A shop whose lists give the second view as a reason from the given question on. */
const shopThatLearnsAfter = (questions: { home: number; product: number }): Shop => {
  const views: string[] = [];
  const asked = { home: 0, product: 0 };
  const call = async (method: string, path: string, { body }: { body?: unknown } = {}) => {
    if (method === 'POST') {
      views.push((body as { events: { productId: string }[] }).events[0]!.productId);
      return { status: 202, headers: new Headers(), body: {} };
    }
    const scenario = new URL(path, 'http://shop').searchParams.get('scenario') as 'home' | 'product';
    if (views.length === 2) asked[scenario] += 1;
    const isLearned = views.length === 2 && asked[scenario] >= questions[scenario];
    const items = [
      // The list changes with each answer, which is no sign of the visitor's view.
      { productId: `other-${asked[scenario]}`, reason: { because: [views[0]] } },
      { productId: 'x', reason: { because: isLearned ? [views[1]] : [] } },
    ];
    return { status: 200, headers: new Headers(), body: { items } };
  };
  return { call } as unknown as Shop;
};

test('beside a product without neighbours, the list counts when it is the one beside that product', async () => {
  let views = 0;
  let asked = 0;
  const call = async (method: string, path: string) => {
    if (method === 'POST') {
      views += 1;
      return { status: 202, headers: new Headers(), body: {} };
    }
    const { searchParams } = new URL(path, 'http://shop');
    if (searchParams.get('scenario') === 'home')
      return { status: 200, headers: new Headers(), body: { items: [item('h', views === 1 ? 'a' : 'b')] } };
    const named = searchParams.get('productId');
    if (named === null) asked += 1;
    const isBesideSecond = (named ?? (asked > 3 ? 'b' : 'a')) === 'b';
    const items = [item('x', 'a'), item(isBesideSecond ? 'y' : 'z', 'a')];
    return { status: 200, headers: new Headers(), body: { items } };
  };
  const item = (productId: string, because: string) => ({ productId, reason: { because: [because] } });
  const { product: beside } = await probeVisitor({ call } as unknown as Shop, [product('a'), product('b')]);
  expect(beside?.place).toBe(1);
  expect(asked).toBe(4);
});

test('a list counts when it gives the second view as a reason, not when it merely differs', async () => {
  const shop = shopThatLearnsAfter({ home: 1, product: 4 });
  const { home, product: beside } = await probeVisitor(shop, [product('a'), product('b')]);
  expect([home?.place, beside?.place]).toEqual([2, 2]);
  // Three answers without it, each followed by a pause.
  expect(beside!.ms).toBeGreaterThan(home!.ms);
});
