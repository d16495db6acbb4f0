import { describe, expect, it } from 'vitest';
import { newId } from '#platform/ids';
import { avroType, encode } from '#platform/messaging/avro-codec';
import type { IncomingRecord } from '#platform/messaging/broker';
import {
  type OrderPlaced,
  type PaymentCaptured,
  type ProductCreated,
  records,
  type Sale,
  type ShopperActivity,
} from '#schemas/events';
import { activityOf } from '#schemas/shopper-activity/testing/activity';
import { brokenRule } from '#schemas/value-rules';
import { type Feed, feeds } from './feeds.js';
import { createIntake, type Intake, type Outcome } from './intake.js';
import { createSeenIds } from './seen-ids.js';
import { createTreatments } from './treatments.js';

const schemas: object[] = [
  ...[records.Sale, records.ShopperActivity, records.ProductCreated, records.PaymentCaptured],
  records.OrderPlaced,
].map(({ schema }) => schema);
const idOf = (schema: object): number => schemas.indexOf(schema) + 1;

/** The intake of one feed, with all schemas cached. */
const open = async (table: string, topic?: string): Promise<Intake> => {
  const feed = feeds.find(
    (each) => each.table === table && (topic === undefined || each.topic === topic),
  ) as Feed;
  const treatments = createTreatments({ schemaById: async (id) => schemas[id - 1] as object }, feed);
  for (const schema of schemas) await treatments.find(idOf(schema));
  return createIntake(feed, treatments, feed.repeats && createSeenIds(feed.repeats, []));
};

const at = (value: Buffer | null) => ({
  offset: 0,
  timestampMs: 0,
  bytes: value ?? Buffer.alloc(0),
  valueStart: 0,
  valueEnd: value?.length ?? -1,
  record: (): IncomingRecord => {
    throw new Error('the intake of rows needs no object');
  },
});
const ofAnEvent = (value: Buffer) => ({
  ...at(value),
  record: () => ({ headers: { 'event-id': newId() } }) as unknown as IncomingRecord,
});

const judge = (intake: Intake, value: Buffer | null, isRebuilding = false): Outcome =>
  intake.judge(at(value), isRebuilding);

const encoded = (record: { schema: object }, value: object): Buffer =>
  encode(idOf(record.schema), avroType(record.schema), value);

const sale = (changes: Partial<Sale> = {}): Sale => ({
  event_id: newId(),
  order_id: newId(),
  line: 0,
  product_id: newId(),
  category: 'home/lighting',
  user_id: null,
  quantity: 2,
  amount_minor: 1_998,
  currency: 'EUR',
  kind: 'sale',
  occurred_at: 1_790_000_000_000,
  ...changes,
});
const product: ProductCreated = {
  ...{ productId: newId(), version: 1, name: 'Lamp', description: '', category: 'home/lighting' },
  ...{ priceMinor: 0, currency: 'EUR', brand: null, tags: [], attributes: '{"watts":8}', images: [] },
  ...{ groupId: newId(), ageRestricted: false, active: true, featured: false, initialStock: 0 },
  ...{ changedBy: null, createdAt: 1_790_000_000_000, occurredAt: 1_790_000_000_000 },
};
const captured = (changes: Partial<PaymentCaptured> = {}): PaymentCaptured => ({
  ...{ orderId: newId(), paymentId: newId(), amountMinor: 1_998, currency: 'EUR', method: 'card' },
  occurredAt: 1_790_000_000_000,
  ...changes,
});
const placed = (quantity: number): OrderPlaced => ({
  ...{ orderId: newId(), version: 1, userId: null, visitId: null, cartId: null, cartProof: null },
  lines: [{ productId: 'product-1', name: 'Lamp', category: 'home', quantity, unitPriceMinor: 999 }],
  ...{ totalMinor: 1_998, currency: 'EUR', paymentMethod: 'card', paymentToken: '', shippingCountry: 'DE' },
  occurredAt: 1_790_000_000_000,
});
const activity = (changes: Partial<ShopperActivity> = {}): ShopperActivity =>
  activityOf({ event_id: newId(), product_id: newId(), ...changes });

describe('the intake', () => {
  it('names what becomes of a record', async () => {
    const sales = await open('sales');
    expect(judge(sales, encoded(records.Sale, sale()))).toMatchObject({ kind: 'row', partId: 1 });
    expect(judge(sales, null)).toMatchObject({ kind: 'poison' });
    expect(judge(sales, Buffer.from('junk!!'))).toMatchObject({ kind: 'poison' });
    expect(judge(sales, Buffer.from([0, 0, 0, 0, 99, 1]))).toEqual({ kind: 'unknown_schema', schemaId: 99 });
    expect(judge(sales, encoded(records.ShopperActivity, activity()))).toMatchObject({ kind: 'poison' });
    const products = await open('products');
    expect(judge(products, null)).toEqual({ kind: 'passed_over' });
    expect(judge(products, encoded(records.Sale, sale()))).toEqual({ kind: 'passed_over' });
  });

  it('excludes a repeat, but not from a block that is built again', async () => {
    const sales = await open('sales');
    const value = encoded(records.Sale, sale());
    expect(judge(sales, value).kind).toBe('row');
    expect(judge(sales, value)).toEqual({ kind: 'excluded', reason: 'repeated', detail: '' });
    expect(judge(sales, value, true).kind).toBe('row');
  });

  it('looks for repeats of shopper activity by the ids that clients gave, and by no others', async () => {
    const intake = await open('shopper_activity');
    const ofClient = encoded(
      records.ShopperActivity,
      activity({ event_id: '0190163d-8694-5c5f-9c1e-0a4a5c9d0001' }),
    );
    const ofCollector = encoded(
      records.ShopperActivity,
      activity({ event_id: '0190163d-8694-7c5f-9c1e-0a4a5c9d0001' }),
    );
    expect([ofClient, ofCollector].map((value) => judge(intake, value).kind)).toEqual(['row', 'row']);
    expect([ofClient, ofCollector].map((value) => judge(intake, value).kind)).toEqual(['excluded', 'row']);
  });
});

describe('a record that means nothing', () => {
  it.each([
    ['kind', { kind: 'bogus' }],
    ['kind', { kind: '' }],
    ['kind', { kind: 'sales' }],
    ['quantity', { quantity: 0 }],
    ['quantity', { quantity: -1 }],
    ['quantity', { kind: 'refund', amount_minor: -5 }],
    ['amount_minor', { amount_minor: -1 }],
    ['amount_minor', { kind: 'refund', quantity: -1, amount_minor: 1 }],
    ['line', { line: -1 }],
    ['currency', { currency: 'EURO' }],
    ['currency', { currency: 'eur' }],
    ['currency', { currency: 'ZZZ' }],
    ['currency', { currency: 'XXX' }],
    ['currency', { currency: 'EU' }],
    ['currency', { currency: 'ÉR' }],
    ['currency', { currency: '' }],
    ['event_id', { event_id: '' }],
    ['order_id', { order_id: '' }],
    ['occurred_at', { occurred_at: -1 }],
    ['occurred_at', { occurred_at: Date.parse('2200-01-01') }],
  ] as const)('is poison on sales for its %s: %o', async (field, changes) => {
    const value = sale(changes);
    const words = brokenRule('Sale', value);
    expect(words).toMatch(new RegExp(`^${field} is `));
    expect(judge(await open('sales'), encoded(records.Sale, value))).toMatchObject({
      kind: 'poison',
      cause: { code: 'datum_meaningless', message: words, retriable: false },
    });
  });

  it('is poison on sales for an amount past which sums are not exact', async () => {
    const value = encoded(records.Sale, sale({ amount_minor: 1 }));
    const amount = value.lastIndexOf(Buffer.from('EUR')) - 2;
    const huge = Buffer.concat([
      value.subarray(0, amount),
      Buffer.from('feffffffffffffffff01', 'hex'),
      value.subarray(amount + 1),
    ]);
    expect(judge(await open('sales'), huge)).toMatchObject({
      kind: 'poison',
      cause: { code: 'datum_meaningless' },
    });
  });

  it.each([
    ['type', { type: 'bogus' }],
    ['type', { type: 'product_viewee' }],
    ['visit_id', { visit_id: '' }],
    ['position', { position: -1 }],
    ['occurred_at', { occurred_at: -1 }],
  ] as const)('is poison on shopper-activity for its %s: %o', async (field, changes) => {
    const value = activity(changes);
    expect(brokenRule('ShopperActivity', value)).toMatch(new RegExp(`^${field} is `));
    expect(judge(await open('shopper_activity'), encoded(records.ShopperActivity, value))).toMatchObject({
      kind: 'poison',
      cause: { code: 'datum_meaningless', message: expect.stringContaining(field) },
    });
  });

  it.each([
    ['attributes', { attributes: 'white' }],
    ['attributes', { attributes: '{"a":null}' }],
    ['groupId', { groupId: 'lamps' }],
    ['priceMinor', { priceMinor: -1 }],
  ] as const)('is poison on products for its %s: %o', async (field, changes) => {
    const value = { ...product, ...changes };
    const words = brokenRule('ProductCreated', value);
    expect(words).toMatch(new RegExp(`^${field} is `));
    expect(judge(await open('products'), encoded(records.ProductCreated, value))).toMatchObject({
      kind: 'poison',
      cause: { code: 'datum_meaningless', message: words },
    });
    expect(judge(await open('products'), encoded(records.ProductCreated, product)).kind).toBe('row');
  });

  it.each([
    ['payments', 'PaymentCaptured', 'amountMinor', captured({ amountMinor: -500 })],
    ['payments', 'PaymentCaptured', 'currency', captured({ currency: 'ZZZ' })],
    ['products', 'ProductCreated', 'priceMinor', { ...product, priceMinor: -1 }],
    ['orders', 'OrderPlaced', 'lines.quantity', placed(0)],
  ] as const)(
    'is poison on %s for the %s that it is, whole, for its %s',
    async (topic, type, field, value) => {
      const events = await open('domain_events', topic);
      const words = brokenRule(type, value);
      expect(words).toMatch(new RegExp(`^${field} is `));
      expect(judge(events, encoded(records[type], value))).toMatchObject({
        kind: 'poison',
        cause: { code: 'datum_meaningless', message: words, retriable: false },
      });
    },
  );

  it('is no whole event around one that means nothing, nor one that ends too early', async () => {
    const payments = await open('domain_events', 'payments');
    const [good, bad] = [captured(), captured({ amountMinor: -500 })].map((value) =>
      encoded(records.PaymentCaptured, value),
    ) as [Buffer, Buffer];
    const outcomes = [good, bad, good].map((value) => payments.judge(ofAnEvent(value), false));
    expect(outcomes.map(({ kind }) => kind)).toEqual(['row', 'poison', 'row']);
    for (const cut of [good, bad])
      expect(judge(payments, cut.subarray(0, -1))).toMatchObject({ cause: { code: 'datum_malformed' } });
  });

  it.each([
    ['Sale', records.Sale, 'sales', sale({ amount_minor: 0 })],
    ['Sale', records.Sale, 'sales', sale({ kind: 'refund', quantity: -3, amount_minor: -5_997 })],
    ['Sale', records.Sale, 'sales', sale({ amount_minor: 2 ** 52, user_id: newId() })],
    ['ShopperActivity', records.ShopperActivity, 'shopper_activity', activity({ position: 0 })],
    [
      'ShopperActivity',
      records.ShopperActivity,
      'shopper_activity',
      activity({ type: 'checkout_started', product_id: null }),
    ],
  ] as const)('is not %s %#', async (name, record, table, value) => {
    expect(brokenRule(name, value)).toBeUndefined();
    expect(judge(await open(table), encoded(record, value)).kind).toBe('row');
  });
});
