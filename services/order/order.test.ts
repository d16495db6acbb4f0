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
  const commands = fc.array(
    fc.constantFrom<OrderCommand>(
      stockReserved,
      paymentAuthorized,
      cancel('out_of_stock'),
      cancel('payment_declined'),
      { type: 'GiveUpOverdue', nowMs: nowMs + paymentWaitMs },
      returnItems({ productId: 'a', quantity: 1 }),
    ),
    { maxLength: 12 },
  );

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
        const ends = published.filter(({ type }) => type === 'OrderConfirmed' || type === 'OrderCancelled');
        expect(ends.length).toBe(isOpen(order) ? 0 : 1);
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
