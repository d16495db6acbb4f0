import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Decision,
  decide,
  dueAtMs,
  evolve,
  isOpen,
  isRefusal,
  mergeItems,
  type Order,
  type OrderCommand,
  type OrderEvent,
  transitions,
} from './order.js';

const nowMs = 1_700_000_000_000;
const paymentWaitMs = 900_000;
const line = (productId: string, quantity: number, unitPriceMinor: number) => ({
  productId,
  name: `name of ${productId}`,
  category: 'home/lighting',
  quantity,
  unitPriceMinor,
});

const place: OrderCommand = {
  type: 'PlaceOrder',
  paymentWaitMs,
  draft: {
    orderId: 'order-1',
    userId: 'user-1',
    visitId: null,
    cartId: null,
    cartProof: null,
    lines: [line('a', 2, 500), line('b', 1, 999)],
    currency: 'EUR',
    paymentMethod: 'card',
    shippingCountry: 'DE',
    occurredAt: nowMs,
  },
};
const stockReserved: OrderCommand = {
  type: 'NoteStockReserved',
  holdExpiresAtMs: nowMs + 1_200_000,
  nowMs: nowMs + 10,
};
const paymentAuthorized: OrderCommand = {
  type: 'NotePaymentAuthorized',
  paymentId: 'payment-1',
  nowMs: nowMs + 20,
};
const cancel = (reason: 'out_of_stock' | 'payment_declined'): OrderCommand => ({
  type: 'CancelOrder',
  reason,
  nowMs: nowMs + 30,
});
const returnItems = (...items: { productId: string; quantity: number }[]): OrderCommand => ({
  type: 'ReturnItems',
  returnId: 'return-1',
  items,
  reason: 'too bright',
  nowMs: nowMs + 40,
});

const wish: OrderCommand = { type: 'CancelAtRequest', nowMs: nowMs + 35 };
const ship = (carrier: string | null = 'DHL', trackingNumber: string | null = '42'): OrderCommand => ({
  type: 'ShipOrder',
  shipment: { carrier, trackingNumber },
  nowMs: nowMs + 36,
});
const deliver: OrderCommand = { type: 'DeliverOrder', nowMs: nowMs + 37 };
const goodwill = (amountMinor: number): OrderCommand => ({
  type: 'NoteGoodwill',
  refundId: 'refund-1',
  amountMinor,
  nowMs: nowMs + 38,
});
const declined = (retryUntilMs: number | null): OrderCommand => ({
  type: 'NotePaymentDeclined',
  retryUntilMs,
  nowMs: nowMs + 15,
});

const events = (decision: Decision): readonly OrderEvent[] => {
  if (isRefusal(decision)) throw new Error(`refused: ${decision.refused}`);
  return decision;
};
const apply = (order: Order, command: OrderCommand): Order =>
  events(decide(command, order)).reduce(evolve, order);
const given = (...commands: OrderCommand[]): Order => commands.reduce(apply, { status: 'new' } as Order);
const typesOf = (decision: Decision): string[] => events(decision).map(({ type }) => type);

describe('an order', () => {
  test('is placed once, whatever comes twice', () => {
    const order = given(place);
    expect(order).toMatchObject({ status: 'pending', version: 1, totalMinor: 1999 });
    expect(decide(place, order)).toEqual([]);
  });

  test('is confirmed when the stock is held and the money guaranteed', () => {
    const reserved = given(place, stockReserved);
    expect(reserved.status).toBe('reserved');
    expect(typesOf(decide(paymentAuthorized, reserved))).toEqual(['MoneyGuaranteed', 'OrderConfirmed']);
    expect(given(place, stockReserved, paymentAuthorized)).toMatchObject({
      status: 'confirmed',
      version: 2,
      paymentId: 'payment-1',
    });
  });

  test('is confirmed all the same when it hears of the money before the stock', () => {
    const paidFirst = given(place, paymentAuthorized);
    expect(paidFirst).toMatchObject({ status: 'pending', paymentId: 'payment-1' });
    expect(given(place, paymentAuthorized, stockReserved)).toEqual(
      given(place, stockReserved, paymentAuthorized),
    );
  });

  test('passes through paid on its way to confirmed', () => {
    const reserved = given(place, stockReserved);
    const [guaranteed] = events(decide(paymentAuthorized, reserved));
    expect(evolve(reserved, guaranteed as OrderEvent).status).toBe('paid');
  });

  test('a redelivered PaymentAuthorized confirms once', () => {
    expect(decide(paymentAuthorized, given(place, stockReserved, paymentAuthorized))).toEqual([]);
    expect(decide(paymentAuthorized, given(place, paymentAuthorized))).toEqual([]);
  });

  test('carries to capture exactly what was placed', () => {
    const [, confirmed] = events(decide(paymentAuthorized, given(place, stockReserved)));
    expect(confirmed).toMatchObject({
      type: 'OrderConfirmed',
      data: {
        totalMinor: 1999,
        currency: 'EUR',
        lines: [
          { productId: 'a', quantity: 2, unitPriceMinor: 500 },
          { productId: 'b', quantity: 1, unitPriceMinor: 999 },
        ],
      },
    });
  });

  test.each(['out_of_stock', 'payment_declined'] as const)(
    'that failed for %s is cancelled once',
    (reason) => {
      const order = given(place, cancel(reason));
      expect(order).toMatchObject({ status: 'cancelled', reason, version: 2 });
      expect(decide(cancel(reason), order)).toEqual([]);
    },
  );

  test('that was cancelled stays cancelled when stock and money arrive late', () => {
    const order = given(place, cancel('out_of_stock'));
    expect(decide(stockReserved, order)).toEqual([]);
    expect(decide(paymentAuthorized, order)).toEqual([]);
  });

  test('that was confirmed can no longer be cancelled by a late refusal', () => {
    const order = given(place, stockReserved, paymentAuthorized);
    expect(decide(cancel('payment_declined'), order)).toEqual([]);
  });
});

describe('an order without an answer', () => {
  const at = (nowMs: number): OrderCommand => ({ type: 'GiveUpOverdue', nowMs });

  test('waits up to its deadline', () => {
    expect(decide(at(nowMs + paymentWaitMs - 1), given(place))).toEqual([]);
    expect(decide(at(nowMs + paymentWaitMs - 1), given(place, stockReserved))).toEqual([]);
  });

  test('is cancelled timed_out when inventory never answered', () => {
    expect(given(place, at(nowMs + paymentWaitMs))).toMatchObject({ reason: 'timed_out' });
  });

  test('is cancelled payment_unavailable when the payment was never answered', () => {
    expect(given(place, stockReserved, at(nowMs + paymentWaitMs))).toMatchObject({
      reason: 'payment_unavailable',
    });
  });

  test('is cancelled timed_out when its hold has expired first', () => {
    const shortHold: OrderCommand = { ...stockReserved, holdExpiresAtMs: nowMs + 1000 };
    const order = given(place, shortHold);
    expect(dueAtMs(order)).toBe(nowMs + 1000);
    expect(apply(order, at(nowMs + 1000))).toMatchObject({ status: 'cancelled', reason: 'timed_out' });
  });

  test('is never given up once it is confirmed', () => {
    const order = given(place, stockReserved, paymentAuthorized);
    expect(dueAtMs(order)).toBeNull();
    expect(decide(at(nowMs + 10 * paymentWaitMs), order)).toEqual([]);
  });
});

describe('a buyer who changes his mind', () => {
  test.each([
    ['pending', given(place)],
    ['reserved', given(place, stockReserved)],
    ['confirmed', given(place, stockReserved, paymentAuthorized)],
  ])('cancels an order that is %s, once', (_, order) => {
    const after = apply(order, wish);
    expect(after).toMatchObject({ status: 'cancelled', reason: 'customer' });
    expect(decide(wish, after)).toEqual([]);
  });

  test.each([
    ['shipped', [ship()]],
    ['delivered', [ship(), deliver]],
    ['returned', [returnItems({ productId: 'a', quantity: 2 }, { productId: 'b', quantity: 1 })]],
  ])('cannot cancel an order that is %s', (status, further) => {
    const order = given(place, stockReserved, paymentAuthorized, ...further);
    expect(decide(wish, order)).toEqual({ refused: 'order_not_cancellable', status });
  });
});

describe('the goods', () => {
  const confirmed = given(place, stockReserved, paymentAuthorized);

  test('are shipped, then delivered, once each', () => {
    const shipped = apply(confirmed, ship());
    expect(shipped).toMatchObject({ status: 'shipped', version: 3, shipment: { carrier: 'DHL' } });
    expect(decide(ship(), shipped)).toEqual([]);
    const delivered = apply(shipped, deliver);
    expect(delivered).toMatchObject({ status: 'delivered', version: 4 });
    expect(decide(deliver, delivered)).toEqual([]);
  });

  test('may get another carrier while they are on their way', () => {
    expect(apply(apply(confirmed, ship()), ship('UPS', '43'))).toMatchObject({
      status: 'shipped',
      version: 4,
      shipment: { carrier: 'UPS', trackingNumber: '43' },
    });
  });

  test('keep the carrier and the number that staff do not say again', () => {
    const shipped = apply(confirmed, ship('DHL', '42'));
    expect(decide(ship(null, null), shipped)).toEqual([]);
    expect(decide(ship('DHL', null), shipped)).toEqual([]);
    expect(apply(shipped, ship(null, '43'))).toMatchObject({
      shipment: { carrier: 'DHL', trackingNumber: '43' },
    });
    expect(apply(apply(confirmed, ship(null, null)), ship('UPS', null))).toMatchObject({
      shipment: { carrier: 'UPS', trackingNumber: null },
    });
  });

  test('do not leave before the order is confirmed, nor arrive before they left', () => {
    expect(decide(ship(), given(place, stockReserved))).toEqual({
      refused: 'order_not_shippable',
      status: 'reserved',
    });
    expect(decide(deliver, confirmed)).toEqual({ refused: 'order_not_deliverable', status: 'confirmed' });
    expect(decide(ship(), given(place, wish))).toMatchObject({ refused: 'order_not_shippable' });
  });

  test('may come back after they were shipped, some now and some later', () => {
    const part = apply(apply(confirmed, ship()), returnItems({ productId: 'a', quantity: 1 }));
    expect(part.status).toBe('shipped');
    const rest = returnItems({ productId: 'a', quantity: 1 }, { productId: 'b', quantity: 1 });
    expect(apply(apply(part, deliver), rest).status).toBe('returned');
  });
});

describe('a declined payment', () => {
  const untilMs = nowMs + 60_000;

  test('cancels the order where the buyer may not try again, or no longer', () => {
    for (const retryUntilMs of [null, nowMs])
      expect(given(place, stockReserved, declined(retryUntilMs))).toMatchObject({
        status: 'cancelled',
        reason: 'payment_declined',
      });
  });

  test.each([
    ['after the stock', [stockReserved, declined(untilMs)]],
    ['before the stock', [declined(untilMs), stockReserved]],
  ])('leaves the order waiting for another try when it comes %s', (_, commands) => {
    const order = given(place, ...commands);
    expect(order).toMatchObject({ status: 'reserved', retryUntilMs: untilMs });
    expect(dueAtMs(order)).toBe(untilMs);
    expect(apply(order, paymentAuthorized).status).toBe('confirmed');
    expect(apply(order, { type: 'GiveUpOverdue', nowMs: untilMs })).toMatchObject({
      reason: 'payment_declined',
    });
    expect(decide({ type: 'GiveUpOverdue', nowMs: untilMs - 1 }, order)).toEqual([]);
  });

  test('leaves as much time as the buyer was told, also past the deadline for a first answer', () => {
    const lateMs = nowMs + paymentWaitMs + 60_000;
    const order = given(place, stockReserved, declined(lateMs));
    expect(dueAtMs(order)).toBe(lateMs);
    expect(decide({ type: 'GiveUpOverdue', nowMs: lateMs - 1 }, order)).toEqual([]);
    expect(apply(order, { type: 'GiveUpOverdue', nowMs: lateMs })).toMatchObject({
      status: 'cancelled',
      reason: 'payment_declined',
    });
  });

  test('does not keep the order past the end of its hold', () => {
    const holdMs = nowMs + 1_200_000;
    const order = given(place, stockReserved, declined(holdMs + 1));
    expect(dueAtMs(order)).toBe(holdMs);
    expect(apply(order, { type: 'GiveUpOverdue', nowMs: holdMs })).toMatchObject({ reason: 'timed_out' });
    const told = given(place, stockReserved, declined(holdMs));
    expect(apply(told, { type: 'GiveUpOverdue', nowMs: holdMs })).toMatchObject({
      reason: 'payment_declined',
    });
  });

  test('that comes after a later authorisation changes nothing', () => {
    expect(decide(declined(untilMs), given(place, paymentAuthorized))).toEqual([]);
    expect(decide(declined(null), given(place, stockReserved, paymentAuthorized))).toEqual([]);
  });
});

describe('a refund without a return', () => {
  const confirmed = given(place, stockReserved, paymentAuthorized);

  test('leaves the order as it is, and less for later returns', () => {
    const order = apply(confirmed, goodwill(1500));
    expect(order.status).toBe('confirmed');
    const [returned] = events(decide(returnItems({ productId: 'a', quantity: 2 }), order));
    expect(returned).toMatchObject({ data: { refundMinor: 499 } });
    const rest = evolve(order, returned as OrderEvent);
    expect(decide(returnItems({ productId: 'b', quantity: 1 }), rest)).toMatchObject([
      { data: { refundMinor: 0, isFull: true } },
    ]);
  });

  test('that is paid when everything has come back meanwhile takes nothing off the sales twice', () => {
    const items = [
      { productId: 'a', quantity: 2 },
      { productId: 'b', quantity: 1 },
    ];
    const everything = apply(confirmed, returnItems(...items));
    expect(decide(goodwill(40), everything)).toEqual([]);
    const part = apply(confirmed, returnItems({ productId: 'a', quantity: 2 }));
    const [noted] = events(decide(goodwill(5000), part));
    expect(noted).toMatchObject({ type: 'GoodwillNoted', amountMinor: 999 });
  });

  test('of an order that was never sold changes nothing', () => {
    expect(decide(goodwill(1), given(place))).toEqual([]);
  });
});

describe('a return', () => {
  const confirmed = given(place, stockReserved, paymentAuthorized);

  test('of everything refunds everything and ends the order', () => {
    const order = apply(
      confirmed,
      returnItems({ productId: 'a', quantity: 2 }, { productId: 'b', quantity: 1 }),
    );
    expect(order).toMatchObject({ status: 'returned', version: 3 });
  });

  test('of a part refunds that part at the price paid and leaves the rest returnable', () => {
    const [returned] = events(decide(returnItems({ productId: 'a', quantity: 1 }), confirmed));
    expect(returned).toMatchObject({ data: { refundMinor: 500, isFull: false, version: 3 } });
    const order = evolve(confirmed, returned as OrderEvent);
    expect(order.status).toBe('confirmed');
    expect(
      apply(order, returnItems({ productId: 'a', quantity: 1 }, { productId: 'b', quantity: 1 })).status,
    ).toBe('returned');
  });

  test('of more than is left is refused', () => {
    const order = apply(confirmed, returnItems({ productId: 'a', quantity: 1 }));
    expect(decide(returnItems({ productId: 'a', quantity: 2 }), order)).toEqual({
      refused: 'return_exceeds_purchase',
      productId: 'a',
      returnable: 1,
    });
  });

  test('of what was never bought is refused', () => {
    expect(decide(returnItems({ productId: 'z', quantity: 1 }), confirmed)).toEqual({
      refused: 'not_in_order',
      productId: 'z',
    });
  });

  test.each([
    ['pending', given(place)],
    ['cancelled', given(place, cancel('out_of_stock'))],
    ['new', { status: 'new' } as Order],
  ])('of an order that is %s is refused', (status, order) => {
    expect(decide(returnItems({ productId: 'a', quantity: 1 }), order)).toEqual({
      refused: 'order_not_returnable',
      status,
    });
  });
});

describe('whatever order messages arrive in', () => {
  const possible: OrderCommand[] = [
    stockReserved,
    paymentAuthorized,
    cancel('out_of_stock'),
    cancel('payment_declined'),
    declined(nowMs + 60_000),
    declined(null),
    wish,
    ship(),
    ship('UPS'),
    deliver,
    { type: 'NotePaymentFailed', nowMs: nowMs + 39 },
    goodwill(300),
    returnItems({ productId: 'a', quantity: 2 }, { productId: 'b', quantity: 1 }),
    { type: 'GiveUpOverdue', nowMs: nowMs + paymentWaitMs },
    returnItems({ productId: 'a', quantity: 1 }),
  ];
  const commands = fc.array(fc.constantFrom(...possible), { maxLength: 12 });

  test('each step is in the table of the state machine, and each row of the table is reached', () => {
    const reached = new Set<string>(['new OrderPlaced pending']);
    const seen = new Set<string>();
    const follow = (order: Order): void => {
      const { version: _, ...state } = { version: 0, ...order };
      if (seen.has(JSON.stringify(state))) return;
      seen.add(JSON.stringify(state));
      for (const command of possible) {
        const decision = decide(command, order);
        if (isRefusal(decision)) continue;
        const after = decision.reduce((before, event) => {
          const next = evolve(before, event);
          reached.add(`${before.status} ${event.type} ${next.status}`);
          return next;
        }, order);
        if (!('goodwillMinor' in after) || after.goodwillMinor <= 300) follow(after);
      }
    };
    follow(given(place));
    const rows = Object.entries(transitions).flatMap(([from, steps]) =>
      Object.entries(steps).flatMap(([type, ends]) => ends.map((to) => `${from} ${type} ${to}`)),
    );
    expect([...reached].sort()).toEqual(rows.sort());
  });

  test('an order ends at most once, its versions have no gap, and no more comes back than was bought', () => {
    fc.assert(
      fc.property(commands, (commands) => {
        let order = given(place);
        const published: { type: string; version: number }[] = [{ type: 'OrderPlaced', version: 1 }];
        for (const command of commands) {
          const decision = decide(command, order);
          if (isRefusal(decision)) continue;
          for (const event of decision) {
            if ('data' in event) published.push({ type: event.type, version: event.data.version });
            order = evolve(order, event);
          }
        }
        expect(published.map(({ version }) => version)).toEqual(published.map((_, index) => index + 1));
        const ends = published.map(({ type }) => type).filter((type) => /Confirmed|Cancelled/.test(type));
        const [first, second, ...more] = ends;
        expect(first === undefined).toBe(isOpen(order));
        expect(more).toEqual([]);
        // Only a sale is cancelled after an end.
        if (second !== undefined) expect(ends).toEqual(['OrderConfirmed', 'OrderCancelled']);
        if (order.status !== 'new')
          for (const { returned, quantity } of order.lines) expect(returned).toBeLessThanOrEqual(quantity);
      }),
    );
  });
});

test('a product asked for on two lines is asked for once, in the sum', () => {
  expect(
    mergeItems([
      { productId: 'b', quantity: 1 },
      { productId: 'a', quantity: 2 },
      { productId: 'b', quantity: 3 },
    ]),
  ).toEqual([
    { productId: 'a', quantity: 2 },
    { productId: 'b', quantity: 4 },
  ]);
});
