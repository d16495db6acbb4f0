import { randomUUID } from 'node:crypto';
import { eventually } from '#platform/testing/eventually';
import { sleep } from '#platform/waiting/sleep';
import type { Shop } from '../../tests/shop.js';

/** A product of the catalogue, as its list has it. */
export type Listed = { id: string; name: string; category: string };

/** After how many milliseconds a list had what was waited for, and at which place, from 1; null if it never had it. */
export type Seen = { ms: number; place: number } | null;

const askedEveryMs = 25;
const refusedRestMs = 500;
/** What is not seen within a minute counts as never seen. */
export const lateMsMax = 60_000;
const limit = 20;

const catalogueMax = 1_000;

/** The first products of the catalogue. */
export const readCatalogue = async (shop: Shop): Promise<Listed[]> => {
  const found: Listed[] = [];
  let next: string | null = null;
  do {
    const cursor: string = next === null ? '' : `&cursor=${encodeURIComponent(next)}`;
    const { body } = await shop.call<{ items: Listed[]; next: string | null }>(
      'GET',
      `/api/products?limit=100${cursor}`,
    );
    found.push(...body.items);
    next = body.next;
  } while (next !== null && found.length < catalogueMax);
  return found;
};

type Item = { productId: string; reason: { because: string[] } };

/** None while the gateway sheds load. */
const itemsAt = async <T>(shop: Shop, path: string): Promise<T[]> => {
  const { status, body } = await shop.call<{ items: T[] }>('GET', path);
  if (status === 503) return [];
  if (status !== 200) throw new Error(`${path} was answered ${status}`);
  return body.items;
};

const recommended = (shop: Shop, scenario: string, of: Record<string, string>): Promise<Item[]> =>
  itemsAt(shop, `/api/recommendations?${new URLSearchParams({ scenario, limit: String(limit), ...of })}`);

/** Sends it again while the gateway sheds load. */
const sendUntil = async <T>(
  expected: number,
  send: () => Promise<{ status: number; body: T }>,
): Promise<T> => {
  for (;;) {
    const { status, body } = await send();
    if (status === expected) return body;
    if (status !== 503) throw new Error(`${status} ${JSON.stringify(body)}`);
    await sleep(refusedRestMs);
  }
};

const view = async (shop: Shop, visitId: string, productId: string): Promise<void> => {
  const events = [{ type: 'product_viewed', visitId, productId, occurredAt: new Date().toISOString() }];
  await sendUntil(202, () => shop.call('POST', '/api/events', { body: { events } }));
};

/** Asks until the list has such an item; the time is that of the answer. */
export const firstSeen = async <T>(
  beganAtMs: number,
  ask: () => Promise<T[]>,
  isIt: (item: T) => boolean,
): Promise<Seen> => {
  for (;;) {
    const at = (await ask()).findIndex(isIt);
    const ms = performance.now() - beganAtMs;
    if (at >= 0) return { ms, place: at + 1 };
    if (ms > lateMsMax) return null;
    await sleep(askedEveryMs);
  }
};

const isBecauseOf =
  (productId: string) =>
  ({ reason }: Item): boolean =>
    reason.because.includes(productId);

/** A new visitor who has seen a product, and whose home page knows it. */
const visitorWhoSaw = async (shop: Shop, productId: string): Promise<string> => {
  const visitId = randomUUID();
  await view(shop, visitId, productId);
  await eventually(async () => (await recommended(shop, 'home', { visitId })).some(isBecauseOf(productId)), {
    timeoutMs: lateMsMax,
    everyMs: askedEveryMs,
  });
  return visitId;
};

const idsOf = (items: readonly Item[]): string => items.map(({ productId }) => productId).join(' ');

/**
 * Whether the list beside the visit's newest product is one beside `second`. It is if `second` is named as a reason. As a
 * product may have no neighbours yet, it also is if a question that names `second` has this answer, and one that names
 * `first` has another.
 */
const signsBeside = async (
  shop: Shop,
  visitId: string,
  [first, second]: readonly [Listed, Listed],
): Promise<boolean[]> => {
  const items = await recommended(shop, 'product', { visitId });
  const signs = items.map(isBecauseOf(second.id));
  if (signs.includes(true) || items.length === 0) return signs;
  const [besideFirst, besideSecond] = await Promise.all(
    [first, second].map(({ id: productId }) => recommended(shop, 'product', { visitId, productId })),
  );
  const list = idsOf(items);
  return [list === idsOf(besideSecond ?? []) && list !== idsOf(besideFirst ?? [])];
};

/**
 * A new visitor looks at a first and at a second product: after which time from the acceptance of the second view his lists
 * follow it. The list `product` is that beside the newest product of his visit, whichever is known.
 */
export const probeVisitor = async (
  shop: Shop,
  [first, second]: readonly [Listed, Listed],
): Promise<{ home: Seen; product: Seen }> => {
  const visitId = await visitorWhoSaw(shop, first.id);
  await view(shop, visitId, second.id);
  const acceptedAtMs = performance.now();
  const [home, product] = await Promise.all([
    firstSeen(acceptedAtMs, () => recommended(shop, 'home', { visitId }), isBecauseOf(second.id)),
    firstSeen(acceptedAtMs, () => signsBeside(shop, visitId, [first, second]), Boolean),
  ]);
  return { home, product };
};

/**
 * A product with the text and the category of another one is created with stock: after which time from the answer it is in the
 * new arrivals of a visitor who has seen that one, among its alternatives, and found by its name.
 */
export const probeProduct = async (
  shop: Shop,
  token: string,
  like: Listed,
): Promise<{ newArrivals: Seen; similar: Seen; search: Seen }> => {
  const visitId = await visitorWhoSaw(shop, like.id);
  const name = `${like.name} ${wordOf(randomUUID())}`;
  const product = {
    name,
    category: like.category,
    price: { amountMinor: 1999, currency: 'GBP' },
    initialStock: 20,
  };
  const { id } = await sendUntil(201, () =>
    shop.call<{ id: string }>('POST', '/api/products', { token, body: product }),
  );
  const createdAtMs = performance.now();
  const listed = (scenario: string, of: Record<string, string>) =>
    firstSeen(
      createdAtMs,
      () => recommended(shop, scenario, of),
      ({ productId }) => productId === id,
    );
  const [newArrivals, similar, search] = await Promise.all([
    listed('new-arrivals', { visitId }),
    listed('similar', { productId: like.id }),
    firstSeen(
      createdAtMs,
      () => itemsAt<Listed>(shop, `/api/products/search?${new URLSearchParams({ q: name })}`),
      (found) => found.id === id,
    ),
  ]);
  return { newArrivals, similar, search };
};

/** Letters alone, so that it is one word that no other product has. */
const wordOf = (uuid: string): string =>
  uuid.replace(/[^0-9a-f]/g, '').replace(/[0-9]/g, (digit) => String.fromCharCode(103 + Number(digit)));
