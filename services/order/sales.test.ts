import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { OrderLine } from './order.js';
import { goodwillOf, refundsOf, salesOf, spread, undoneOf } from './sales.js';

const lines: OrderLine[] = [
  { productId: 'a', name: 'A', category: 'home', quantity: 2, unitPriceMinor: 500, returned: 0 },
  { productId: 'b', name: 'B', category: 'garden', quantity: 1, unitPriceMinor: 999, returned: 0 },
];
const common = { orderId: 'order-1', userId: null, currency: 'EUR', occurredAt: 5 };
const ids = () => {
  let next = 0;
  return () => `id-${next++}`;
};

test('a confirmed order is one sale a line, summing to its total', () => {
  const sales = salesOf({ ...common, version: 2, paymentId: 'p', lines, totalMinor: 1999 }, lines, ids());
  expect(
    sales.map(({ line, product_id, category, quantity, amount_minor }) => [
      line,
      product_id,
      category,
      quantity,
      amount_minor,
    ]),
  ).toEqual([
    [0, 'a', 'home', 2, 1000],
    [1, 'b', 'garden', 1, 999],
  ]);
  expect(new Set(sales.map(({ event_id }) => event_id)).size).toBe(2);
});

test('a return takes back the very line it belongs to', () => {
  const [refund] = refundsOf(
    {
      ...common,
      version: 3,
      returnId: 'r',
      lines: [{ productId: 'b', quantity: 1, unitPriceMinor: 999 }],
      refundMinor: 999,
      isFull: false,
      reason: '',
    },
    lines,
    ids(),
  );
  expect(refund).toMatchObject({ line: 1, quantity: -1, amount_minor: -999, kind: 'refund', occurred_at: 5 });
});

test('a cancelled order takes back what was not returned before, and no line that was returned whole', () => {
  const part: OrderLine[] = [
    { productId: 'a', name: 'A', category: 'home', quantity: 5, unitPriceMinor: 500, returned: 2 },
    { productId: 'b', name: 'B', category: 'garden', quantity: 1, unitPriceMinor: 999, returned: 1 },
    { productId: 'c', name: 'C', category: 'home', quantity: 3, unitPriceMinor: 10, returned: 0 },
  ];
  const cancelled = { ...common, version: 4, reason: 'expired' };
  const order = { lines: part, currency: 'EUR', totalMinor: 2500 + 999 + 30, goodwillMinor: 0 };
  const undone = undoneOf(cancelled, order, ids());
  expect(undone.map((row) => [row.kind, row.line, row.quantity, row.amount_minor])).toEqual([
    ['refund', 0, -3, -1500],
    ['refund', 2, -3, -30],
  ]);
});

test('a cancelled order takes back no money that staff gave back before', () => {
  const order = { lines, currency: 'EUR', totalMinor: 1999, goodwillMinor: 500 };
  const undone = undoneOf({ ...common, version: 4, reason: 'customer' }, order, ids());
  expect(undone.map((row) => row.quantity)).toEqual([-2, -1]);
  expect(undone.reduce((sum, row) => sum + row.amount_minor, 0)).toBe(-1499);
});

test('a refund without a return takes back money and no pieces', () => {
  const order = { ...common, lines };
  const refunds = goodwillOf({ amountMinor: 100, occurredAtMs: 9 }, order, ids());
  expect(refunds.map((row) => [row.kind, row.line, row.quantity, row.amount_minor])).toEqual([
    ['refund', 0, 0, -50],
    ['refund', 1, 0, -50],
  ]);
});

test('a refund without a return is of the pieces that the buyer still has', () => {
  const [a, b] = lines as [OrderLine, OrderLine];
  const moneyOf = (left: OrderLine[], amountMinor: number) =>
    goodwillOf({ amountMinor, occurredAtMs: 9 }, { ...common, lines: left }, ids()).map((row) => [
      row.line,
      row.amount_minor,
    ]);
  expect(moneyOf([{ ...a, returned: 2 }, b], 200)).toEqual([[1, -200]]);
  expect(moneyOf([{ ...a, returned: 1 }, b], 1499)).toEqual([
    [0, -500],
    [1, -999],
  ]);
});

test('an amount is spread in parts that add up to it, none of them negative', () => {
  fc.assert(
    fc.property(
      fc.maxSafeNat(),
      fc.array(fc.maxSafeNat(), { minLength: 1, maxLength: 100 }),
      (amount, weights) => {
        const parts = spread(amount, weights);
        expect(parts.reduce((sum, part) => sum + BigInt(part), 0n)).toBe(BigInt(amount));
        expect(Math.min(...parts)).toBeGreaterThanOrEqual(0);
      },
    ),
  );
});
