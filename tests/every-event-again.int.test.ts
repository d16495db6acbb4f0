import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { newId } from '#platform/ids';
import { avroType } from '#platform/messaging/avro-codec';
import { inTransaction } from '#platform/postgres/transaction';
import { records } from '#schemas/events';
import { brokenRule } from '#schemas/value-rules';
import { lockProducts, type ProductRow } from '../services/product/product-row-store.js';
import {
  type Choreography,
  createChoreography,
  type Fact,
  newProduct,
  placeOrder,
  reactors,
  returnItems,
} from './choreography.js';

/**
 * If a consumer group is away for seven days, its offsets are lost, and inboxes are trimmed. Then every event arrives
 * again at a service that has no inbox row for it. Its counts, sales, refunds and published events must not change.
 */

let shop: Choreography;
let before: Awaited<ReturnType<Choreography['snapshot']>>;

beforeAll(async () => {
  shop = await createChoreography();
  const lamp = await newProduct(shop, 1999, 100);
  const wick = await newProduct(shop, 350, 3);
  await shop.settle();
  const userId = randomUUID();
  const line = (productId: string, quantity: number, unitPriceMinor: number) => ({
    productId,
    quantity,
    unitPriceMinor,
  });

  const returnedInPart = await placeOrder(shop, { userId, items: [line(lamp, 5, 1999), line(wick, 2, 350)] });
  await placeOrder(shop, { items: [line(wick, 2, 350)] });
  await placeOrder(shop, { userId, items: [line(lamp, 1, 1999)], token: 'tok_declined' });
  const returnedWhole = await placeOrder(shop, { userId, items: [line(lamp, 2, 1999)] });
  await shop.settle();
  for (const quantity of [1, 2]) await returnItems(shop, returnedInPart, [{ productId: lamp, quantity }]);
  await returnItems(shop, returnedWhole, [{ productId: lamp, quantity: 2 }]);
  await shop.settle();
  await placeOrder(shop, { userId, items: [line(lamp, 1, 1999)], token: 'tok_flaky', paymentWaitMs: 1000 });
  await shop.settle();
  shop.clock.advanceMs(1000);
  await shop.sweep();
  await shop.settle();
  const unpayable = [line(lamp, 1, 1999)];
  await placeOrder(shop, { userId, items: unpayable, token: 'tok_capture_fails' });
  const refundRefused = await placeOrder(shop, { userId, items: unpayable, token: 'tok_refund_fails' });
  await shop.settle();
  await returnItems(shop, refundRefused, [{ productId: lamp, quantity: 1 }]);
  await shop.settle();

  await erasedBuyer(lamp);

  const gone = await newProduct(shop, 100, 1);
  await inTransaction(shop.db('product'), async (tx) => {
    const row = (await lockProducts(tx, [gone])).get(gone) as ProductRow;
    const described = { ...row, name: 'Other', category: 'other', priceMinor: 200 };
    const { row: renamed } = await shop.products.update(tx, row, described, userId);
    await shop.products.remove(tx, renamed, userId);
  });
  await shop.settle();

  before = await shop.snapshot();
  // A row that is written again is recognised by its time.
  shop.clock.advanceMs(3_600_000);
  for (const service of reactors) await shop.db(service).query('TRUNCATE inbox');
});
afterAll(() => shop?.drop());

/** Somebody who has an account and an order, and has the account erased. */
const erasedBuyer = async (productId: string): Promise<void> => {
  const userId = newId(shop.clock);
  const occurredAt = shop.clock.nowMs();
  const contact = { email: 'ada@example.org', name: 'Ada', phone: null, devices: [] };
  await shop.happens('UserRegistered', userId, { userId, roles: ['admin'], occurredAt });
  await shop.happens('UserContactChanged', userId, {
    ...{ userId, version: 1, isEmailVerified: false, occurredAt },
    ...contact,
  });
  await placeOrder(shop, { userId, items: [{ productId, quantity: 1, unitPriceMinor: 1999 }] });
  await shop.settle();
  await shop.happens('UserErased', userId, { userId, occurredAt });
  await shop.happens('UserContactErased', userId, { userId, occurredAt });
};

const again = async (order: (facts: readonly Fact[]) => readonly Fact[]): Promise<void> => {
  await shop.deliver(order(shop.log));
  await shop.settle();
  for (const service of reactors) await shop.db(service).query('TRUNCATE inbox');
};

it('has a history in which every event of the saga happened', () => {
  const types = new Set(shop.log.map(({ type }) => type));
  for (const type of [
    'ProductCreated',
    'ProductUpdated',
    'ProductDeleted',
    'CategorySaved',
    'StockAdjusted',
    'OrderPlaced',
    'PaymentInstructed',
    'StockReserved',
    'StockRejected',
    'StockReleased',
    'StockCommitted',
    'StockReturned',
    'PaymentAuthorized',
    'PaymentDeclined',
    'PaymentCaptured',
    'PaymentRefunded',
    'PaymentFailed',
    'RefundFailed',
    'OrderConfirmed',
    'OrderCancelled',
    'OrderReturned',
    'Sale',
    'UserContactChanged',
    'UserErased',
  ] as const)
    expect(types, type).toContain(type);
});

it('has no event that a reader would refuse', () => {
  const broken = shop.log.flatMap(({ type, datum }) => {
    const value = avroType(records[type].schema).fromBuffer(datum) as object;
    return brokenRule(type, value) ?? [];
  });
  expect(broken).toEqual([]);
});

it('knows every service that reacts to events', () => {
  const withReactions = readdirSync('services').filter((name) => existsSync(`services/${name}/reactions.ts`));
  expect([...reactors]).toEqual(withReactions.sort());
});

it('leaves every row and every outbox as they were when all events come again in their order', async () => {
  await again((facts) => facts);
  expect(await shop.snapshot()).toEqual(before);
});

it('leaves them also when they come topic by topic, as they do after a long absence', async () => {
  const topics = [...new Set(shop.log.map(({ topic }) => topic))].sort();
  for (const order of [topics, [...topics].reverse()]) {
    await again((facts) => order.flatMap((topic) => facts.filter((fact) => fact.topic === topic)));
    expect(await shop.snapshot()).toEqual(before);
  }
});
