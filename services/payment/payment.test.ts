import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Decision,
  decide,
  evolve,
  isRefusal,
  type Payment,
  type PaymentCommand,
  type PaymentEvent,
  refundedMinor,
} from './payment.js';

const known = { paymentId: 'payment-1', orderId: 'order-1' };
const orderPlaced: PaymentCommand = {
  type: 'NoteInstruction',
  known,
  charge: {
    userId: 'user-1',
    amountMinor: 1999,
    currency: 'EUR',
    method: 'card',
    provider: 'sandbox',
    token: 'tok_ok',
  },
};
const stockReserved: PaymentCommand = { type: 'NoteStockReserved', known };
const cancel: PaymentCommand = { type: 'CancelPayment', known, reason: 'timed_out', nowMs: 7 };
const capture: PaymentCommand = { type: 'CapturePayment' };
const refund = (
  refundId: string,
  amountMinor: number,
): Extract<PaymentCommand, { type: 'RefundPayment' }> => ({
  type: 'RefundPayment',
  refundId,
  amountMinor,
  nowMs: 7,
});
const ofGoods = (refundId: string, amountMinor: number): ReturnType<typeof refund> => ({
  ...refund(refundId, amountMinor),
  isAtMost: true,
});
const askedAgain = (refundId: string, amountMinor: number): PaymentCommand => ({
  ...ofGoods(refundId, amountMinor),
  asksAgain: true,
});
const answer = (answer: Extract<PaymentCommand, { type: 'NoteAnswer' }>['answer']): PaymentCommand => ({
  type: 'NoteAnswer',
  answer,
  nowMs: 7,
});
const authorized = answer({ to: 'authorize', outcome: 'authorized' });
const declined = answer({ to: 'authorize', outcome: 'declined', reason: 'insufficient_funds' });
const inconclusive = answer({ to: 'authorize', outcome: 'inconclusive' });
const captured = answer({ to: 'capture', outcome: 'captured' });
const voided = answer({ to: 'void', outcome: 'voided' });
const nothingToVoid = answer({ to: 'void', outcome: 'nothing_to_void' });
const refundFailed = (refundId: string, toTry?: number): PaymentCommand => ({
  ...answer({ to: 'refund', outcome: 'refused', refundId, reason: 'account_closed' }),
  ...(toTry === undefined ? {} : { toTry }),
});
const refunded = (refundId: string) => answer({ to: 'refund', outcome: 'refunded', refundId });

const events = (decision: Decision): readonly PaymentEvent[] => {
  if (isRefusal(decision)) throw new Error(`refused: ${decision.refused}`);
  return decision;
};
const given = (...commands: PaymentCommand[]): Payment =>
  commands.reduce<Payment>((payment, command) => events(decide(command, payment)).reduce(evolve, payment), {
    status: 'new',
  });
const when = (payment: Payment, command: PaymentCommand): string[] =>
  events(decide(command, payment)).map(({ type }) => type);

describe('an authorisation', () => {
  test('is asked for once order and stock are both known, whichever comes first', () => {
    expect(when(given(orderPlaced), stockReserved)).toEqual(['AuthorizationDue']);
    expect(when(given(stockReserved), orderPlaced)).toEqual(['InstructionNoted', 'AuthorizationDue']);
    expect(given(stockReserved, orderPlaced)).toEqual(given(orderPlaced, stockReserved));
  });

  test('is asked for once, however often its causes come', () => {
    const asked = given(orderPlaced, stockReserved);
    expect(when(asked, orderPlaced)).toEqual([]);
    expect(when(asked, stockReserved)).toEqual([]);
  });

  test('that the provider refuses is declined with its reason', () => {
    const payment = given(orderPlaced, stockReserved, declined);
    expect(payment).toMatchObject({ status: 'declined', reason: 'insufficient_funds', token: null });
  });

  test('is told once', () => {
    expect(when(given(orderPlaced, stockReserved, authorized), authorized)).toEqual([]);
  });

  test('without a clear answer changes nothing', () => {
    expect(when(given(orderPlaced, stockReserved), inconclusive)).toEqual([]);
  });
});

describe('the payment of a cancelled order', () => {
  test.each([
    ['nothing is known of it', given()],
    ['its stock is awaited', given(orderPlaced)],
    ['its order is awaited', given(stockReserved)],
  ])('is never tried when %s', (_, payment) => {
    expect(when(payment, cancel)).toEqual(['PaymentAborted']);
    const aborted = events(decide(cancel, payment)).reduce(evolve, payment);
    expect(when(aborted, orderPlaced)).toEqual([]);
    expect(when(aborted, stockReserved)).toEqual([]);
  });

  test('is voided when it was authorised', () => {
    const voiding = given(orderPlaced, stockReserved, authorized, cancel);
    expect(voiding.status).toBe('voiding');
    expect(when(voiding, voided)).toEqual(['PaymentVoided']);
  });

  test('is voided when its authorisation succeeds after the cancellation', () => {
    const cancelledInFlight = given(orderPlaced, stockReserved, cancel);
    expect(when(cancelledInFlight, authorized)).toEqual(['PaymentAuthorized', 'VoidDue']);
  });

  test('is voided also when nobody can say whether it was authorised', () => {
    const cancelledInFlight = given(orderPlaced, stockReserved, cancel);
    expect(when(cancelledInFlight, inconclusive)).toEqual(['VoidDue']);
    expect(when(given(orderPlaced, stockReserved, cancel, inconclusive), nothingToVoid)).toEqual([
      'PaymentAborted',
    ]);
  });

  test('is told to be voided also when its authorisation is gone at the provider by then', () => {
    const voiding = given(orderPlaced, stockReserved, authorized, cancel);
    expect(when(voiding, nothingToVoid)).toEqual(['PaymentVoided']);
    const cancelledInFlight = given(orderPlaced, stockReserved, cancel, authorized);
    expect(when(cancelledInFlight, nothingToVoid)).toEqual(['PaymentVoided']);
  });

  test('is left alone when the provider declined it', () => {
    expect(when(given(orderPlaced, stockReserved, declined), cancel)).toEqual([]);
    expect(when(given(orderPlaced, stockReserved, cancel), declined)).toEqual(['PaymentDeclined']);
  });
});

describe('a declined authorisation', () => {
  const declinedAt = (nowMs: number, toTry = 1): PaymentCommand => ({
    type: 'NoteAnswer',
    answer: { to: 'authorize', outcome: 'declined', reason: 'insufficient_funds' },
    nowMs,
    toTry,
    retryMs: 1000,
  });
  const again = (nowMs: number): PaymentCommand => ({
    type: 'RetryPayment',
    method: 'paypal',
    provider: 'stripe',
    token: 'tok_2',
    nowMs,
  });
  const asked = [orderPlaced, stockReserved];

  test('is tried again with another method while the time for it lasts', () => {
    const payment = given(...asked, declinedAt(10));
    expect(payment).toMatchObject({ status: 'declined', retryUntilMs: 1010 });
    expect(when(payment, again(1009))).toEqual(['PaymentRetried', 'AuthorizationDue']);
    expect(given(...asked, declinedAt(10), again(1009))).toMatchObject({
      status: 'authorizing',
      method: 'paypal',
      provider: 'stripe',
      token: 'tok_2',
      tries: 2,
    });
    expect(decide(again(1010), payment)).toEqual({ refused: 'not_retryable', status: 'declined' });
    expect(decide(again(10), given(...asked, declined))).toMatchObject({ refused: 'not_retryable' });
  });

  test('is not given more time by a second one', () => {
    expect(given(...asked, declinedAt(10), again(500), declinedAt(900, 2))).toMatchObject({
      retryUntilMs: 1010,
    });
    const late = given(...asked, declinedAt(10), again(500), declinedAt(1500, 2));
    expect(late).toMatchObject({ status: 'declined', retryUntilMs: null });
  });

  test.each([
    ['first', [{ ...stockReserved, holdExpiresAtMs: 700 }, orderPlaced]],
    ['last', [orderPlaced, { ...stockReserved, holdExpiresAtMs: 700 }]],
  ])('is tried again only while the stock is held, of which it hears %s', (_, before) => {
    const payment = given(...before, declinedAt(10));
    expect(payment).toMatchObject({ status: 'declined', retryUntilMs: 700 });
    expect(decide(again(700), payment)).toMatchObject({ refused: 'not_retryable' });
    expect(given(...before, declinedAt(10), again(699), declinedAt(700, 2))).toMatchObject({
      retryUntilMs: null,
    });
    expect(given(...before, declinedAt(701))).toMatchObject({ retryUntilMs: null });
  });

  test('promises no other try to a buyer whose order was cancelled meanwhile', () => {
    expect(given(...asked, cancel, declinedAt(10))).toMatchObject({ status: 'declined', retryUntilMs: null });
    const [told] = events(decide(declinedAt(10), given(...asked, cancel)));
    expect(told).toMatchObject({ type: 'PaymentDeclined', data: { retryUntil: null } });
  });

  test('of an order that is cancelled is not tried again, and a try under way is voided', () => {
    const payment = given(...asked, declinedAt(10), cancel);
    expect(decide(again(20), payment)).toMatchObject({ refused: 'not_retryable' });
    expect(when(given(...asked, declinedAt(10), again(20), cancel), authorized)).toEqual([
      'PaymentAuthorized',
      'VoidDue',
    ]);
  });

  test('is not decided again by the late answer to an earlier try', () => {
    const retried = given(...asked, declinedAt(10), again(20));
    expect(when(retried, declinedAt(30, 1))).toEqual([]);
    expect(when(retried, declinedAt(30, 2))).toEqual(['PaymentDeclined']);
  });
});

describe('the money of a cancelled sale', () => {
  const paid = [orderPlaced, stockReserved, authorized, capture, captured];

  test('goes back once, less what went back before', () => {
    const payment = given(...paid, refund('r1', 500), refunded('r1'));
    expect(decide(cancel, payment)).toEqual([
      { type: 'RefundNoted', refundId: 'order-1', amountMinor: 1499, tries: 1 },
      { type: 'RefundDue', refundId: 'order-1', amountMinor: 1499, tries: 1 },
    ]);
    expect(when(given(...paid, cancel), cancel)).toEqual([]);
    const beside = given(...paid, refund('r1', 1999), cancel);
    expect(when(beside, refunded('r1'))).toEqual(['PaymentRefunded', 'PaymentRefunded']);
    expect(when(beside, refundFailed('r1'))).toEqual(['RefundFailed', 'RefundDue']);
    const after = given(...paid, refund('r1', 1999), refunded('r1'));
    expect(decide(cancel, after)).toMatchObject([{}, { type: 'PaymentRefunded', data: { amountMinor: 0 } }]);
  });

  test('waits for its capture', () => {
    const capturing = given(orderPlaced, stockReserved, authorized, capture);
    expect(when(capturing, cancel)).toEqual(['RefundNoted']);
    expect(when(given(orderPlaced, stockReserved, authorized, capture, cancel), captured)).toEqual([
      'PaymentCaptured',
      'RefundDue',
    ]);
  });
});

describe('a capture', () => {
  test('follows the confirmation once', () => {
    const payment = given(orderPlaced, stockReserved, authorized);
    expect(when(payment, capture)).toEqual(['CaptureDue']);
    expect(when(given(orderPlaced, stockReserved, authorized, capture), capture)).toEqual([]);
    expect(when(given(orderPlaced, stockReserved, authorized, capture, captured), captured)).toEqual([]);
  });

  test('of money that was never guaranteed is refused', () => {
    expect(decide(capture, given(orderPlaced, stockReserved))).toEqual({
      refused: 'not_authorized',
      status: 'authorizing',
    });
  });
});

describe('a refund', () => {
  const captureOf = [orderPlaced, stockReserved, authorized, capture, captured];
  const paid = given(...captureOf);

  test('goes out once for each return', () => {
    expect(when(paid, refund('r1', 500))).toEqual(['RefundNoted', 'RefundDue']);
    const due = events(decide(refund('r1', 500), paid)).reduce(evolve, paid);
    expect(when(due, refund('r1', 500))).toEqual([]);
    expect(when(due, refunded('r1'))).toEqual(['PaymentRefunded']);
    const done = events(decide(refunded('r1'), due)).reduce(evolve, due);
    expect(refundedMinor(done)).toBe(500);
    expect(when(done, refunded('r1'))).toEqual([]);
  });

  test('waits for a capture still under way', () => {
    const capturing = given(orderPlaced, stockReserved, authorized, capture, refund('r1', 500));
    expect(capturing).toMatchObject({ refunds: [{ refundId: 'r1', state: 'waiting' }] });
    expect(when(capturing, captured)).toEqual(['PaymentCaptured', 'RefundDue']);
  });

  test('of more than was taken is refused', () => {
    const once = events(decide(refund('r1', 1500), paid)).reduce(evolve, paid);
    expect(decide(refund('r2', 500), once)).toEqual({
      refused: 'refund_exceeds_capture',
      refundableMinor: 499,
    });
  });

  test('for goods that came back is what is left, also where that is nothing', () => {
    const paidWith = (...commands: PaymentCommand[]) => given(...captureOf, ...commands);
    const rest = decide(ofGoods('r2', 1999), paidWith(refund('r1', 1500), refunded('r1')));
    expect(rest).toMatchObject([{}, { type: 'RefundDue', amountMinor: 499 }]);
    const nothingLeft = decide(ofGoods('r2', 1999), paidWith(refund('r1', 1999), refunded('r1')));
    expect(nothingLeft).toMatchObject([{}, { type: 'PaymentRefunded', data: { amountMinor: 0 } }]);
  });

  test('for goods waits for the refunds under way that it may have to lessen itself by', () => {
    const waiting = given(...captureOf, refund('r1', 1500), ofGoods('r2', 1000), ofGoods('r3', 999));
    expect(waiting).toMatchObject({
      refunds: [{ state: 'due' }, { state: 'waiting' }, { state: 'waiting' }],
    });
    expect(decide(refund('r4', 1), waiting)).toEqual({
      refused: 'refund_exceeds_capture',
      refundableMinor: 0,
    });
    expect(decide(refunded('r1'), waiting)).toMatchObject([
      { type: 'PaymentRefunded' },
      { type: 'RefundDue', refundId: 'r2', amountMinor: 499 },
    ]);
    expect(decide(refundFailed('r1'), waiting)).toMatchObject([
      { type: 'RefundFailed' },
      { type: 'RefundDue', refundId: 'r2', amountMinor: 1000 },
      { type: 'RefundDue', refundId: 'r3', amountMinor: 999 },
    ]);
    // A later one that is small enough does not take what the first that waits is for.
    expect(when(given(...captureOf, refund('r1', 1500), ofGoods('r2', 1000)), ofGoods('r3', 100))).toEqual([
      'RefundNoted',
    ]);
  });

  test('that was refused leaves its money to be refunded', () => {
    const failed = given(...captureOf, refund('r1', 1999), refundFailed('r1'));
    expect(when(failed, refund('r2', 1999))).toEqual(['RefundNoted', 'RefundDue']);
    expect(when(failed, ofGoods('r1', 1999))).toEqual([]);
    expect(decide(askedAgain('r1', 1999), failed)).toMatchObject([
      { type: 'RefundNoted', tries: 2 },
      { type: 'RefundDue', refundId: 'r1', amountMinor: 1999, tries: 2 },
    ]);
  });

  test('whose money came back is owed, whatever else is refunded, until it is paid', () => {
    const owed = given(...captureOf, refund('r1', 1500), refunded('r1'), refundFailed('r1'));
    expect(refundedMinor(owed)).toBe(0);
    expect(decide(refund('r2', 500), owed)).toEqual({
      refused: 'refund_exceeds_capture',
      refundableMinor: 499,
    });
    const again: PaymentCommand = { type: 'AskForRefundsAgain', nowMs: 5 };
    expect(decide(again, owed)).toMatchObject([
      { type: 'RefundNoted', refundId: 'r1', amountMinor: 1500, tries: 2 },
      { type: 'RefundDue', refundId: 'r1', amountMinor: 1500, tries: 2 },
    ]);
    const refusedAgain = events(decide(again, owed))
      .concat({ type: 'RefundFailed', data: { refundId: 'r1', amountMinor: 1500 } as never })
      .reduce(evolve, owed);
    expect(when(refusedAgain, again)).toEqual(['RefundNoted', 'RefundDue']);
    const paidAgain = given(
      ...captureOf,
      refund('r1', 1500),
      refunded('r1'),
      refundFailed('r1'),
      again,
      refunded('r1'),
    );
    expect(refundedMinor(paidAgain)).toBe(1500);
    expect(when(paidAgain, again)).toEqual([]);
    expect(when(paidAgain, refundFailed('r1', 1))).toEqual([]);
  });

  test('that the provider has refused is paid by other means once, and only then', () => {
    const otherwise: PaymentCommand = { type: 'NotePaidOtherwise', refundId: 'r1', nowMs: 8 };
    const failed = given(...captureOf, refund('r1', 1500), refundFailed('r1'));
    expect(decide(otherwise, failed)).toMatchObject([
      { type: 'PaymentRefunded', data: { refundId: 'r1', amountMinor: 1500, occurredAt: 8 } },
    ]);
    const paidOtherwise = events(decide(otherwise, failed)).reduce(evolve, failed);
    expect(refundedMinor(paidOtherwise)).toBe(1500);
    expect(when(paidOtherwise, askedAgain('r1', 1500))).toEqual([]);
    const notFailed = { refused: 'refund_not_failed' };
    for (const payment of [paid, given(...captureOf, refund('r1', 1500)), paidOtherwise, given(orderPlaced)])
      expect(decide(otherwise, payment)).toEqual(notFailed);
    const cameBack = given(...captureOf, refund('r1', 1999), refunded('r1'), refundFailed('r1'));
    expect(when(cameBack, otherwise)).toEqual(['PaymentRefunded']);
    const paidBeside = given(
      ...captureOf,
      refund('r1', 1500),
      refundFailed('r1'),
      refund('r2', 1000),
      refunded('r2'),
    );
    expect(decide(otherwise, paidBeside)).toEqual({
      refused: 'refund_exceeds_capture',
      refundableMinor: 999,
    });
  });

  test('that is owed twice, of the goods and of the rest, is together no more than was taken', () => {
    const goods = [refund('r1', 1500), refunded('r1'), refundFailed('r1')];
    const owed = given(...captureOf, ...goods, cancel, refunded('order-1'), refundFailed('order-1'));
    expect(decide({ type: 'AskForRefundsAgain', nowMs: 5 }, owed)).toMatchObject([
      { type: 'RefundNoted', refundId: 'r1', amountMinor: 1500 },
      { type: 'RefundDue', refundId: 'r1', amountMinor: 1500 },
      { type: 'RefundNoted', refundId: 'order-1', amountMinor: 1999 },
    ]);
  });

  test('that is asked for again is not ended by an answer to the try before', () => {
    const again = given(...captureOf, refund('r1', 1999), refundFailed('r1'), askedAgain('r1', 1999));
    expect(when(again, askedAgain('r1', 1999))).toEqual([]);
    expect(when(again, refundFailed('r1', 1))).toEqual([]);
    expect(when(again, refundFailed('r1', 2))).toEqual(['RefundFailed']);
  });
});

test('whatever comes in whatever order, no payment is both captured and voided, nor captured twice, nor untold once it was authorised, nor are its refunds more than it or left waiting', () => {
  const commands = fc.array(
    fc.constantFrom(
      orderPlaced,
      stockReserved,
      cancel,
      capture,
      authorized,
      declined,
      inconclusive,
      captured,
      voided,
      nothingToVoid,
      refund('r1', 1000),
      refund('r2', 1000),
      ofGoods('r3', 1500),
      askedAgain('r3', 1500),
      refunded('r1'),
      refunded('r2'),
      refunded('r3'),
      refundFailed('r1'),
      refundFailed('r3'),
      { type: 'AskForRefundsAgain', nowMs: 5 } as const,
      { type: 'NotePaidOtherwise', refundId: 'r1', nowMs: 5 } as const,
      { type: 'NotePaidOtherwise', refundId: 'r3', nowMs: 5 } as const,
      refunded('order-1'),
    ),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(commands, (commands) => {
      let payment: Payment = { status: 'new' };
      const seen: string[] = [];
      for (const command of commands) {
        const decision = decide(command, payment);
        if (isRefusal(decision)) continue;
        for (const event of decision) {
          seen.push(event.type);
          payment = evolve(payment, event);
        }
      }
      if (payment.status === 'captured' && !payment.refunds.some(({ state }) => state === 'due'))
        expect(payment.refunds.filter(({ state }) => state === 'waiting')).toEqual([]);
      const count = (type: string) => seen.filter((one) => one === type).length;
      if (seen.includes('PaymentAuthorized')) expect(payment.status).not.toBe('aborted');
      expect(count('AuthorizationDue')).toBeLessThanOrEqual(1);
      expect(count('PaymentCaptured')).toBeLessThanOrEqual(1);
      expect(count('PaymentCaptured') + count('PaymentVoided')).toBeLessThanOrEqual(1);
      expect(refundedMinor(payment)).toBeLessThanOrEqual(1999);
    }),
    { numRuns: 500 },
  );
});
