import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type SagaEvent, type SagaLimits, sagaOf } from './saga.ts';
import { ticksOf, verdictOf } from './verdict.ts';

const startMs = Date.parse('2026-03-01T12:00:00.000Z');
const clock = (ms: number) => new Date(ms).toISOString().slice(11, 16);

const services: Record<string, string> = {
  Stock: 'inventory',
  Payme: 'payment',
  Refun: 'payment',
  Order: 'order',
};
const event = (type: string, afterMs: number, data: Record<string, unknown> = {}): SagaEvent => ({
  type,
  service: services[type.slice(0, 5)] ?? 'order',
  occurredAt: new Date(startMs + afterMs).toISOString(),
  data,
  eventId: `${type}-${afterMs}`,
});
const lines = [{ productId: 'p', quantity: 2 }];
const money = { amountMinor: 4000, currency: 'GBP', paymentId: 'pay' };
const placed = event('OrderPlaced', 0, { lines, totalMinor: 4000, currency: 'GBP' });
const reserved = event('StockReserved', 120, { lines });
const authorized = event('PaymentAuthorized', 250, money);
const confirmed = event('OrderConfirmed', 412, { lines, totalMinor: 4000, currency: 'GBP' });
const committed = event('StockCommitted', 500, { lines });
const captured = event('PaymentCaptured', 600, money);
const sold = [placed, reserved, authorized, confirmed, committed, captured];
const returned = event('OrderReturned', 90_000_000, {
  returnId: 'r',
  refundMinor: 2000,
  isFull: false,
  lines: [{ productId: 'p', quantity: 1 }],
});
const back = event('StockReturned', 90_000_400, { returnId: 'r', lines: [{ productId: 'p', quantity: 1 }] });
const refund = { ...money, amountMinor: 2000, refundId: 'r' };
const refunded = event('PaymentRefunded', 90_001_000, refund);
/** What inventory says of a sale that a cancellation has undone. */
const soldBack = event('StockReleased', 60_100, { lines, reason: 'customer' });
const sentBack = event('RefundFailed', 90_500_000, { ...refund, reason: 'lost_or_stolen_card' });
const refundedAgain = event('PaymentRefunded', 90_600_000, refund);
const goodwill = event('PaymentRefunded', 90_000_100, { ...money, amountMinor: 500, refundId: 'g' });

/** The order's answer says that it is given up then, unless it is confirmed. */
const givesUpAtMs = startMs + 900_000;

const story = (
  events: readonly SagaEvent[],
  afterMs: number,
  limits: Partial<SagaLimits> = { givesUpAtMs },
) => {
  const saga = sagaOf(events, startMs + afterMs, limits);
  return { saga, ...verdictOf(saga, startMs + afterMs, clock) };
};

const spansOf = (events: readonly SagaEvent[], afterMs: number) =>
  story(events, afterMs).saga.spans.map(({ lane, name, state }) => `${lane}: ${name} (${state})`);

describe('the sentence about an order', () => {
  it.each([
    ['nothing', [], 0, 'neutral', 'Nothing has happened to this order yet.'],
    [
      'a new one',
      [placed],
      5_000,
      'waiting',
      'Waiting 5.0 s for inventory to hold the pieces and for payment to guarantee the money; gives up at 12:15.',
    ],
    [
      'a stuck one',
      [placed, reserved],
      360_000,
      'bad',
      'Stuck: waiting 6 min for payment to guarantee the money; gives up at 12:15.',
    ],
    [
      'one that nobody gave up',
      [placed],
      3_600_000,
      'bad',
      'Stuck: waiting 60 min for inventory to hold the pieces and for payment to guarantee the money; should have given up at 12:15.',
    ],
    ['a sold one', sold, 700, 'good', 'Confirmed in 412 ms, £40.00 captured.'],
    [
      'one that was sent',
      [...sold, event('OrderShipped', 3_600_000)],
      7_200_000,
      'good',
      'Confirmed in 412 ms, £40.00 captured, shipped.',
    ],
    [
      'one whose money is not taken yet',
      [placed, reserved, authorized, confirmed, committed],
      5_000,
      'waiting',
      'Confirmed in 412 ms; waiting for the money to be taken.',
    ],
    [
      'one whose money is stuck',
      [placed, reserved, authorized, confirmed, committed],
      180_000,
      'bad',
      'Confirmed in 412 ms, but stuck: waiting 3 min for the money to be taken.',
    ],
    [
      'a half refunded one',
      [...sold, event('OrderShipped', 1), event('OrderDelivered', 2), returned, back, refunded],
      90_100_000,
      'good',
      'Confirmed in 412 ms, £40.00 captured, £20.00 of it refunded, £20.00 kept, delivered, a part returned.',
    ],
    [
      'one whose refund is due',
      [...sold, event('OrderShipped', 1), event('OrderDelivered', 2), returned, back],
      90_010_000,
      'waiting',
      'Confirmed in 412 ms, £40.00 captured, delivered, a part returned; waiting for the money to go back.',
    ],
    [
      'one whose refund the provider refuses',
      [
        ...sold,
        returned,
        back,
        event('RefundFailed', 90_002_000, { ...money, amountMinor: 2000, reason: 'closed' }),
      ],
      90_010_000,
      'bad',
      'Confirmed in 412 ms, £40.00 captured, a part returned; the refund of £20.00 has failed, so ask for it again or pay it by other means.',
    ],
    [
      'one whose refund the bank has sent back',
      [...sold, returned, back, refunded, sentBack],
      90_500_010,
      'bad',
      'Confirmed in 412 ms, £40.00 captured, a part returned; the refund of £20.00 has failed, so ask for it again or pay it by other means.',
    ],
    [
      'a declined one',
      [
        placed,
        reserved,
        event('PaymentDeclined', 300, { ...money, reason: 'declined' }),
        event('OrderCancelled', 320, { reason: 'payment_declined' }),
        event('StockReleased', 400, { lines }),
      ],
      5_000,
      'neutral',
      'Cancelled after 320 ms because the payment was declined; its stock is free again and no money was moved.',
    ],
    [
      'one that is being undone',
      [placed, reserved, authorized, event('OrderCancelled', 900_000, { reason: 'timed_out' })],
      1_200_000,
      'bad',
      'Cancelled after 15 min because it took too long, but stuck: waiting 5 min for the pieces to be free again.',
    ],
    [
      'a compensated one',
      [
        ...sold,
        event('OrderCancelled', 60_000, { reason: 'customer' }),
        soldBack,
        event('PaymentRefunded', 60_500, { ...money, refundId: 'f' }),
      ],
      120_000,
      'neutral',
      'Confirmed in 412 ms, then cancelled after 60 s at the buyer’s request; its pieces are back in stock and £40.00 refunded.',
    ],
    [
      'one without stock',
      [placed, event('StockRejected', 80), event('OrderCancelled', 90, { reason: 'out_of_stock' })],
      1_000,
      'neutral',
      'Cancelled after 90 ms because there were not enough pieces; no money was moved.',
    ],
  ] as const)('%s', (_name, events, afterMs, tone, sentence) => {
    const found = story(events, afterMs);
    expect([found.tone, found.sentence]).toEqual([tone, sentence]);
  });
});

it('an order is given up when its own answer says so, and no time is made up where that says none', () => {
  const sentence = (givesUpAtMs: number | null, ...events: SagaEvent[]) =>
    story([placed, ...events], 5_000, { givesUpAtMs }).sentence;
  const waiting = 'Waiting 4.9 s for payment to guarantee the money';
  expect(sentence(startMs + 120_000, reserved)).toBe(`${waiting}; gives up at 12:02.`);
  expect(sentence(null, reserved)).toBe(`${waiting}.`);
  const declined = event('PaymentDeclined', 1_000, { ...money, reason: 'declined' });
  expect(sentence(startMs + 300_000, reserved, declined)).toBe(
    'Waiting 4.0 s for the buyer to try another payment; gives up at 12:05.',
  );
});

describe('what an order holds and owes', () => {
  it('adds up money and pieces', () => {
    const { saga } = story([...sold, returned, back, refunded], 90_100_000);
    expect(saga.sums).toEqual({
      currency: 'GBP',
      totalMinor: 4000,
      authorizedMinor: 4000,
      heldMinor: 0,
      capturedMinor: 4000,
      voidedMinor: 0,
      refundedMinor: 2000,
      refundsDueMinor: 0,
      netMinor: 2000,
      pieces: 2,
      reservedPieces: 0,
      committedPieces: 2,
      releasedPieces: 0,
      undonePieces: 0,
      returnedPieces: 1,
    });
    expect(ticksOf(saga, { messages: 1, inAnalytics: true }).map(({ state }) => state)).toEqual([
      'yes',
      'yes',
      'yes',
      'yes',
    ]);
  });

  it('owes a refund that the bank sent back until it is paid again, and counts it once', () => {
    const sumsOf = (...events: SagaEvent[]) => {
      const { refundedMinor, refundsDueMinor, netMinor } = sagaOf([...sold, ...events], startMs).sums;
      return [refundedMinor, refundsDueMinor, netMinor];
    };
    const paid = [returned, back, refunded];
    expect(sumsOf(...paid, sentBack)).toEqual([0, 2000, 4000]);
    expect(sumsOf(...paid, sentBack, refundedAgain)).toEqual([2000, 0, 2000]);
    const goodwillBack = event('RefundFailed', 90_700_000, { ...goodwill.data, reason: 'closed' });
    expect(sumsOf(goodwill, goodwillBack)).toEqual([0, 500, 4000]);
    expect(sumsOf(goodwill, returned, back)).toEqual([500, 2000, 3500]);
    expect(spansOf([...sold, ...paid, sentBack, refundedAgain], 90_700_000).slice(-4, -1)).toEqual([
      'payment: Refunded (undone)',
      'payment: Refunded (undone)',
      'payment: Refund sent back (refused)',
    ]);
  });

  it('has no stock out once a sale was undone, whole or after a return', () => {
    const stockOf = (...events: SagaEvent[]) => {
      const { saga } = story([...sold, ...events], 120_000);
      const stock = ticksOf(saga, { messages: 1, inAnalytics: true })[1];
      return [stock?.state, stock?.detail, saga.due.map(({ what }) => what)];
    };
    const cancelled = event('OrderCancelled', 60_000, { reason: 'customer' });
    const paid = event('PaymentRefunded', 60_500, { ...money, refundId: 'f' });
    const one = [{ productId: 'p', quantity: 1 }];
    const kept = event('OrderReturned', 30_000, {
      returnId: 'r',
      refundMinor: 2000,
      isFull: false,
      lines: one,
    });
    const keptBack = event('StockReturned', 30_100, { returnId: 'r', lines: one });
    const restBack = event('StockReleased', 60_100, { lines: one, reason: 'customer' });
    expect(stockOf(cancelled, soldBack, paid)).toEqual(['yes', '0 of 0 pieces sold, 2 back', []]);
    expect(stockOf(kept, keptBack, cancelled, restBack, paid)).toEqual([
      'yes',
      '0 of 0 pieces sold, 2 back',
      [],
    ]);
    expect(stockOf(cancelled, paid)).toEqual(['not yet', '2 of 0 pieces sold, 0 back', ['stock_release']]);
  });

  it('says no only when nothing is on its way any more', () => {
    const held = story([placed, reserved, authorized, confirmed], 1_000).saga;
    const ticks = ticksOf(held, { messages: null, inAnalytics: false });
    expect(ticks.map(({ state }) => state)).toEqual(['not yet', 'not yet', 'not yet', 'unknown']);
    const wrong = story([...sold, event('PaymentCaptured', 700, money)], 1_000).saga;
    expect(ticksOf(wrong, { messages: 0, inAnalytics: true })[0]?.state).toBe('no');
  });

  it('counts an event that came twice once, whatever their order, and keeps both', () => {
    const events = [...sold, returned, back, refunded];
    fc.assert(
      fc.property(
        fc.shuffledSubarray(events, { minLength: events.length }),
        fc.subarray(events),
        (shuffled, repeated) => {
          const saga = sagaOf([...shuffled, ...repeated], startMs + 90_100_000);
          expect(saga.sums).toEqual(sagaOf(events, startMs + 90_100_000).sums);
          expect(saga.events.filter(({ isRepeat }) => isRepeat).length).toBe(repeated.length);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('shows events of a kind that it has no word for', () => {
    const { saga } = story([...sold, event('GiftWrapped', 650, { colour: 'red' })], 1_000);
    expect(saga.events.at(-1)).toMatchObject({ type: 'GiftWrapped', lane: 'order', data: { colour: 'red' } });
  });
});

describe('the spans of an order', () => {
  it('are asked and answered', () => {
    expect(spansOf(sold, 700)).toEqual([
      'order: Placed → confirmed (done)',
      'stock: Reserving (done)',
      'stock: Held → sold (done)',
      'payment: Guaranteeing (done)',
      'payment: Guaranteed → taken (done)',
    ]);
  });

  it('stay open, then are overdue, until the answer comes', () => {
    expect(spansOf([placed, reserved], 1_000)).toContain('payment: Guaranteeing (open)');
    expect(spansOf([placed, reserved], 100_000)).toContain('payment: Guaranteeing (overdue)');
    expect(spansOf([placed, reserved, authorized], 100_000)).toContain('payment: Guaranteeing (done)');
  });

  it('show what was undone', () => {
    const undone = spansOf(
      [
        placed,
        reserved,
        event('OrderCancelled', 900, { reason: 'customer' }),
        event('StockReleased', 950, { lines }),
      ],
      2_000,
    );
    expect(undone).toContain('stock: Held → released (undone)');
    expect(undone).toContain('order: Placed → cancelled (refused)');
    const cancelled = event('OrderCancelled', 60_000, { reason: 'customer' });
    expect(spansOf([...sold, cancelled, soldBack], 61_000)).toContain('stock: Sold → back in stock (undone)');
    expect(spansOf([...sold, cancelled], 61_000)).toContain('stock: Sold → back in stock (open)');
  });
});
