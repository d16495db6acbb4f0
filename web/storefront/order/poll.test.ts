import { expect, it } from 'vitest';
import type { Order } from './order-words.ts';
import { pollMsOf } from './poll.ts';

const pollMs = (
  status: Order['status'],
  payment: Order['payment']['status'],
  { isStreamed = false, awaitedForMs = 0 } = {},
): number | false =>
  pollMsOf({ status, payment: { id: 'p', method: 'card', status: payment } }, { isStreamed, awaitedForMs });

it('an open order is asked for only where its stream is away', () => {
  expect(pollMs('pending', 'pending', { isStreamed: true })).toBe(false);
  expect(pollMs('pending', 'pending')).toBe(3_000);
});

it('a confirmed order is asked for until it has arrived, often until its money is taken', () => {
  expect(pollMs('confirmed', 'authorized')).toBe(1_000);
  expect(pollMs('shipped', 'captured')).toBe(15_000);
  expect(pollMs('delivered', 'captured')).toBe(false);
});

it.each(['authorized', 'captured', 'partially_refunded'] as const)(
  'a cancelled order is asked for while its payment is %s, and not for ever',
  (payment) => {
    expect(pollMs('cancelled', payment)).toBe(3_000);
    expect(pollMs('cancelled', payment, { awaitedForMs: 120_000 })).toBe(15_000);
    expect(pollMs('cancelled', payment, { awaitedForMs: 600_000 })).toBe(false);
  },
);

it('an order whose money is back, or was never taken, is not asked for any more', () => {
  for (const payment of ['refunded', 'voided', 'declined', 'failed', 'cancelled'] as const)
    expect(pollMs('cancelled', payment), payment).toBe(false);
  expect(pollMs('returned', 'captured')).toBe(3_000);
  expect(pollMs('returned', 'refunded')).toBe(false);
});
