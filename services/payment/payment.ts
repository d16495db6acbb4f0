import { assert } from '#platform/assert';
import type {
  PaymentAuthorized,
  PaymentCaptured,
  PaymentDeclined,
  PaymentFailed,
  PaymentRefunded,
  PaymentVoided,
  RefundFailed,
} from '#schemas/events';

/** The amount to charge and the means of payment, as the buyer gave them with the order. */
export type Charge = {
  userId: string | null;
  amountMinor: number;
  currency: string;
  method: string;
  /**
   * Who is asked for the money, and who alone has it then: what follows goes to the same one. Null for a payment of before
   * this was kept.
   */
  provider: string | null;
  /** Deleted (null) once the provider has answered, because it is not needed again. */
  token: string | null;
};

/**
 * `waiting` until the money is captured, or until it is known how much of it earlier refunds leave; `due` until the
 * provider answers; then `done`, or `failed` if refused for good. `tries` counts how often the provider was to pay it; 1
 * if unset. `cameBack` is set where the provider had confirmed it and reported later that the money did not arrive: it is
 * still owed.
 */
export type Refund = {
  refundId: string;
  amountMinor: number;
  state: 'waiting' | 'due' | 'done' | 'failed';
  tries?: number;
  cameBack?: true;
};

/** A payment during and after the capture. `isRenewed` once the first authorisation could not be captured. */
type Taking = { refunds: readonly Refund[]; isRenewed: boolean };

/**
 * After a declined authorisation the buyer may try again until `retryUntilMs`, which the first one sets and no later one
 * extends. `tries` counts the authorisations asked for.
 */
type Tries = { tries: number; retryUntilMs: number | null };

/** When the order ends that is not paid, because its stock is held no longer; null while that is not known. */
type Held = { holdExpiresAtMs: number | null };

type Known = { paymentId: string; orderId: string };
type Charged = Known & Charge & Tries & Held;

export type Payment =
  | { status: 'new' }
  /** The stock is held; the instruction has not arrived yet on its own topic. */
  | (Known & Held & { status: 'awaiting_instruction' })
  | (Charged & { status: 'awaiting_stock' })
  /** `cancelledFor` is set when the order was cancelled during the authorisation. */
  | (Charged & { status: 'authorizing'; cancelledFor: string | null })
  | (Charged & { status: 'authorized' })
  | (Charged & { status: 'declined'; reason: string })
  | (Charged & Taking & { status: 'capturing' })
  /** The provider refused the capture, and payment asks once for another authorisation of the same amount. */
  | (Charged & Taking & { status: 'renewing' })
  | (Charged & Taking & { status: 'captured' })
  /** No money was or will be captured, so refunds that were waiting are dropped. */
  | (Charged & { status: 'failed'; reason: string; isRenewed: boolean })
  /** `wasAuthorized` if the order has received the authorisation, and so waits for the event that gives it up. */
  | (Charged & { status: 'voiding'; reason: string; wasAuthorized: boolean })
  | (Charged & { status: 'voided'; reason: string })
  /** Ended before an authorisation; without a charge when the instruction never arrived. */
  | (Known & Partial<Charge & Tries & Held> & { status: 'aborted'; reason: string });

export type PaymentStatus = Exclude<Payment['status'], 'new'>;

/** The store turns each event `…Due` into a provider call. */
export type PaymentEvent =
  | { type: 'InstructionNoted'; known: Known; charge: Charge }
  | ({ type: 'StockNoted'; known: Known } & Held)
  | ({ type: 'AuthorizationDue' } & Held)
  | { type: 'PaymentRetried'; method: string; provider: string; token: string }
  | { type: 'RetryClosed' }
  | { type: 'CancellationNoted'; reason: string }
  | { type: 'PaymentAuthorized'; data: PaymentAuthorized }
  | { type: 'PaymentDeclined'; data: PaymentDeclined }
  | { type: 'CaptureDue' }
  | { type: 'PaymentCaptured'; data: PaymentCaptured }
  | { type: 'RenewalDue' }
  | { type: 'PaymentFailed'; data: PaymentFailed }
  | { type: 'VoidDue'; reason: string }
  | { type: 'PaymentVoided'; data: PaymentVoided }
  | { type: 'PaymentAborted'; known: Known; reason: string }
  | { type: 'RefundNoted'; refundId: string; amountMinor: number; tries: number }
  | { type: 'RefundDue'; refundId: string; amountMinor: number; tries: number }
  | { type: 'PaymentRefunded'; data: PaymentRefunded }
  | { type: 'RefundFailed'; data: RefundFailed; cameBack?: true };

export type PaymentCommand =
  | { type: 'NoteInstruction'; known: Known; charge: Charge }
  | { type: 'NoteStockReserved'; known: Known; holdExpiresAtMs?: number }
  /** With `asksAgain`, a refund that the provider has refused is asked for once more. */
  | { type: 'CancelPayment'; known: Known; reason: string; asksAgain?: boolean; nowMs: number }
  | { type: 'RetryPayment'; method: string; provider: string; token: string; nowMs: number }
  | { type: 'CapturePayment' }
  /** Asks once more for every refund that the provider had confirmed and that came back. */
  | { type: 'AskForRefundsAgain'; nowMs: number }
  /** Staff have paid by other means what the provider has refused to refund, so it is not asked for that any more. */
  | { type: 'NotePaidOtherwise'; refundId: string; nowMs: number }
  /**
   * With `isAtMost`, as much of the amount as is left: staff may have refunded a part meanwhile. With `asksAgain`, once
   * more if the provider has refused it.
   */
  | {
      type: 'RefundPayment';
      refundId: string;
      amountMinor: number;
      isAtMost?: boolean;
      asksAgain?: boolean;
      nowMs: number;
    }
  /**
   * `toTry` is the authorisation, or the try of the refund, that was asked for; the answer to an earlier one changes
   * nothing. `retryMs` is for how long a declined buyer may try again; not at all if unset.
   */
  | { type: 'NoteAnswer'; answer: ProviderAnswer; nowMs: number; toTry?: number; retryMs?: number };

/**
 * The outcome of a call to the provider: `inconclusive` when it is not known yet, `refused` when a repeat would always
 * be refused again.
 */
export type ProviderAnswer =
  | { to: 'authorize'; outcome: 'authorized' | 'inconclusive' }
  | { to: 'authorize'; outcome: 'declined'; reason: string }
  | { to: 'capture'; outcome: 'captured' }
  | { to: 'capture'; outcome: 'refused'; reason: string }
  | { to: 'renew'; outcome: 'authorized' }
  | { to: 'renew'; outcome: 'declined'; reason: string }
  | { to: 'void'; outcome: 'voided' | 'nothing_to_void' }
  | { to: 'refund'; outcome: 'refunded'; refundId: string }
  | { to: 'refund'; outcome: 'refused'; refundId: string; reason: string };

export type PaymentRefusal =
  | { refused: 'not_retryable'; status: Payment['status'] }
  | { refused: 'not_authorized'; status: Payment['status'] }
  | { refused: 'not_captured'; status: Payment['status'] }
  | { refused: 'refund_exceeds_capture'; refundableMinor: number }
  | { refused: 'refund_not_failed' };

export type Decision = readonly PaymentEvent[] | PaymentRefusal;

export const isRefusal = (decision: Decision): decision is PaymentRefusal => 'refused' in decision;

const nothing: readonly PaymentEvent[] = [];

/**
 * Decides the events that follow from `command`. The instruction and the reserved stock may arrive in either order, and
 * every command may arrive twice. A refusal means that a command needs an authorisation that never existed.
 */
export const decide = (command: PaymentCommand, payment: Payment): Decision => {
  switch (command.type) {
    case 'NoteInstruction': {
      const noted: PaymentEvent = { type: 'InstructionNoted', known: command.known, charge: command.charge };
      if (payment.status === 'new') return [noted];
      if (payment.status !== 'awaiting_instruction') return nothing;
      return [noted, { type: 'AuthorizationDue', holdExpiresAtMs: payment.holdExpiresAtMs }];
    }
    case 'NoteStockReserved': {
      const { known, holdExpiresAtMs = null } = command;
      if (payment.status === 'new') return [{ type: 'StockNoted', known, holdExpiresAtMs }];
      return payment.status === 'awaiting_stock' ? [{ type: 'AuthorizationDue', holdExpiresAtMs }] : nothing;
    }
    case 'CancelPayment':
      return cancel(command, payment);
    case 'RetryPayment':
      if (payment.status !== 'declined' || !isBefore(command.nowMs, payment.retryUntilMs))
        return { refused: 'not_retryable', status: payment.status };
      return [
        {
          type: 'PaymentRetried',
          method: command.method,
          provider: command.provider,
          token: command.token,
        },
        { type: 'AuthorizationDue', holdExpiresAtMs: payment.holdExpiresAtMs },
      ];
    case 'CapturePayment':
      if (payment.status === 'authorized') return [{ type: 'CaptureDue' }];
      return isTaking(payment) || payment.status === 'failed'
        ? nothing
        : { refused: 'not_authorized', status: payment.status };
    case 'AskForRefundsAgain':
      return askAgain(command, payment);
    case 'RefundPayment':
      return refund(command, payment);
    case 'NotePaidOtherwise':
      return notePaidOtherwise(command, payment);
    case 'NoteAnswer':
      return noteAnswer(command, payment);
    default:
      return command satisfies never;
  }
};

const cancel = (
  command: Extract<PaymentCommand, { type: 'CancelPayment' }>,
  payment: Payment,
): readonly PaymentEvent[] => {
  const { known, reason } = command;
  switch (payment.status) {
    // The order was cancelled before its other events arrived. This record prevents a late instruction from being
    // charged.
    case 'new':
    case 'awaiting_instruction':
    case 'awaiting_stock':
      return [
        {
          type: 'PaymentAborted',
          known: payment.status === 'new' ? known : keys(payment),
          reason,
        },
      ];
    case 'authorizing':
      return payment.cancelledFor === null ? [{ type: 'CancellationNoted', reason }] : nothing;
    case 'authorized':
      return [{ type: 'VoidDue', reason }];
    case 'declined':
      return payment.retryUntilMs === null ? nothing : [{ type: 'RetryClosed' }];
    case 'capturing':
    case 'renewing':
    case 'captured':
      return refundRest(payment, command);
    default:
      return nothing;
  }
};

/** A sale was cancelled: what is left of its money goes back, under the order's own id. */
const refundRest = (
  payment: Taker,
  { asksAgain, nowMs }: Extract<PaymentCommand, { type: 'CancelPayment' }>,
): readonly PaymentEvent[] => {
  const { orderId: refundId, amountMinor } = payment;
  return takeRefund(payment, {
    refundId,
    amountMinor: amountMinor - refundedMinor(payment),
    asksAgain,
    nowMs,
  });
};

/** What was not refunded yet and is not owed. A refund that was refused at once has taken nothing. */
const refundableMinor = ({ amountMinor, refunds }: Charge & Taking): number =>
  Math.max(
    0,
    amountMinor - sumOf(refunds, 'waiting', 'due', 'done') - sumOf(refunds.filter(isOwed), 'failed'),
  );

const isOwed = ({ state, cameBack }: Refund): boolean => state === 'failed' && cameBack === true;

const sumOf = (refunds: readonly Refund[], ...states: Refund['state'][]): number =>
  refunds.reduce((sum, { state, amountMinor }) => sum + (states.includes(state) ? amountMinor : 0), 0);

const refund = (command: Extract<PaymentCommand, { type: 'RefundPayment' }>, payment: Payment): Decision => {
  const { amountMinor, isAtMost = false } = command;
  // The goods were returned before the capture failed for good, so there is no money to refund.
  if (payment.status === 'failed') return nothing;
  if (!isTaking(payment)) return { refused: 'not_captured', status: payment.status };
  const isKnown = payment.refunds.some(({ refundId }) => refundId === command.refundId);
  const leftMinor = refundableMinor(payment);
  if (!isKnown && !isAtMost && amountMinor > leftMinor)
    return { refused: 'refund_exceeds_capture', refundableMinor: leftMinor };
  return amountMinor === 0 ? nothing : takeRefund(payment, command);
};

const notePaidOtherwise = (
  { refundId, nowMs }: Extract<PaymentCommand, { type: 'NotePaidOtherwise' }>,
  payment: Payment,
): Decision => {
  const failed = isTaking(payment)
    ? payment.refunds.find((refund) => refund.refundId === refundId && refund.state === 'failed')
    : undefined;
  if (!isTaking(payment) || failed === undefined) return { refused: 'refund_not_failed' };
  const { amountMinor } = failed;
  // Other refunds may have paid since what the provider had refused.
  const others = payment.refunds.filter((refund) => refund !== failed);
  const leftMinor = refundableMinor({ ...payment, refunds: others });
  if (amountMinor > leftMinor) return { refused: 'refund_exceeds_capture', refundableMinor: leftMinor };
  return [{ type: 'PaymentRefunded', data: { ...fact(payment, nowMs), refundId, amountMinor } }];
};

const askAgain = (
  { nowMs }: Extract<PaymentCommand, { type: 'AskForRefundsAgain' }>,
  payment: Payment,
): readonly PaymentEvent[] => {
  if (!isTaking(payment)) return nothing;
  let after: Payment = payment;
  return payment.refunds.filter(isOwed).flatMap(({ refundId, amountMinor }) => {
    if (!isTaking(after)) return [];
    const asked = takeRefund(after, { refundId, amountMinor, asksAgain: true, nowMs });
    after = asked.reduce(evolve, after);
    return asked;
  });
};

/** Notes a refund that is new, or that was refused and is asked for again; the provider is asked after the capture. */
const takeRefund = (
  payment: Taker,
  {
    refundId,
    amountMinor,
    asksAgain = false,
    nowMs,
  }: { refundId: string; amountMinor: number; asksAgain?: boolean | undefined; nowMs: number },
): readonly PaymentEvent[] => {
  const before = payment.refunds.find((refund) => refund.refundId === refundId);
  if (before !== undefined && !(asksAgain && before.state === 'failed')) return nothing;
  const tries = before === undefined ? 1 : triesOf(before) + 1;
  const noted: PaymentEvent = { type: 'RefundNoted', refundId, amountMinor, tries };
  return [noted, ...startRefunds(evolve(payment, noted), nowMs)];
};

/**
 * Starts the refunds that wait, the first one first. One that is larger than what is left waits until no other is under
 * way, because those may still be refused; then it pays what is left, which may be nothing.
 */
const startRefunds = (payment: Payment, nowMs: number): PaymentEvent[] => {
  if (payment.status !== 'captured') return [];
  let leftMinor = payment.amountMinor - sumOf(payment.refunds, 'due', 'done');
  let isUnderWay = payment.refunds.some(({ state }) => state === 'due');
  const started: PaymentEvent[] = [];
  for (const refund of payment.refunds) {
    if (refund.state !== 'waiting') continue;
    const { refundId } = refund;
    if (refund.amountMinor > leftMinor && isUnderWay) break;
    const amountMinor = Math.min(refund.amountMinor, leftMinor);
    if (amountMinor === 0) {
      started.push({ type: 'PaymentRefunded', data: { ...fact(payment, nowMs), refundId, amountMinor } });
      continue;
    }
    started.push({ type: 'RefundDue', refundId, amountMinor, tries: triesOf(refund) });
    leftMinor -= amountMinor;
    isUnderWay = true;
  }
  return started;
};

const triesOf = ({ tries = 1 }: Refund): number => tries;

const isBefore = (nowMs: number, untilMs: number | null): boolean => untilMs !== null && nowMs < untilMs;

const noteAnswer = (
  command: Extract<PaymentCommand, { type: 'NoteAnswer' }>,
  payment: Payment,
): readonly PaymentEvent[] => {
  const { answer, nowMs } = command;
  switch (answer.to) {
    case 'authorize':
      return noteAuthorization(answer, command, payment);
    case 'capture':
      return noteCapture(answer, nowMs, payment);
    case 'renew':
      if (payment.status !== 'renewing') return nothing;
      return answer.outcome === 'authorized'
        ? [{ type: 'CaptureDue' }]
        : [{ type: 'PaymentFailed', data: { ...fact(payment, nowMs), reason: answer.reason } }];
    case 'void':
      if (payment.status !== 'voiding') return nothing;
      // There may be nothing to void any more: it has lapsed, or was cancelled at the provider.
      return answer.outcome === 'voided' || payment.wasAuthorized
        ? [{ type: 'PaymentVoided', data: { ...fact(payment, nowMs), reason: payment.reason } }]
        : [{ type: 'PaymentAborted', known: keys(payment), reason: payment.reason }];
    case 'refund':
      return noteRefund(answer, command, payment);
    default:
      return answer satisfies never;
  }
};

const noteAuthorization = (
  answer: Extract<ProviderAnswer, { to: 'authorize' }>,
  { nowMs, toTry, retryMs = 0 }: Extract<PaymentCommand, { type: 'NoteAnswer' }>,
  payment: Payment,
): readonly PaymentEvent[] => {
  if (payment.status !== 'authorizing' || (toTry ?? payment.tries) !== payment.tries) return nothing;
  const voiding: PaymentEvent[] =
    payment.cancelledFor === null ? [] : [{ type: 'VoidDue', reason: payment.cancelledFor }];
  // A cancelled payment with an unknown outcome is voided too: that also prevents a late authorisation.
  if (answer.outcome === 'inconclusive') return voiding;
  if (answer.outcome === 'declined') return [declined(payment, { reason: answer.reason, nowMs, retryMs })];
  return [{ type: 'PaymentAuthorized', data: fact(payment, nowMs) }, ...voiding];
};

const declined = (
  payment: Extract<Payment, { status: 'authorizing' }>,
  { reason, nowMs, retryMs }: { reason: string; nowMs: number; retryMs: number },
): PaymentEvent => {
  const untilMs =
    payment.retryUntilMs ?? Math.min(nowMs + retryMs, payment.holdExpiresAtMs ?? Number.POSITIVE_INFINITY);
  const retryUntil = payment.cancelledFor === null && nowMs < untilMs ? untilMs : null;
  return { type: 'PaymentDeclined', data: { ...fact(payment, nowMs), reason, retryUntil } };
};

const noteCapture = (
  answer: Extract<ProviderAnswer, { to: 'capture' }>,
  nowMs: number,
  payment: Payment,
): readonly PaymentEvent[] => {
  if (payment.status !== 'capturing') return nothing;
  if (answer.outcome === 'refused')
    return payment.isRenewed
      ? [{ type: 'PaymentFailed', data: { ...fact(payment, nowMs), reason: answer.reason } }]
      : [{ type: 'RenewalDue' }];
  const captured: PaymentEvent = { type: 'PaymentCaptured', data: fact(payment, nowMs) };
  return [captured, ...startRefunds(evolve(payment, captured), nowMs)];
};

const noteRefund = (
  answer: Extract<ProviderAnswer, { to: 'refund' }>,
  { nowMs, toTry }: Extract<PaymentCommand, { type: 'NoteAnswer' }>,
  payment: Payment,
): readonly PaymentEvent[] => {
  if (payment.status !== 'captured') return nothing;
  const asked = payment.refunds.find(({ refundId }) => refundId === answer.refundId);
  if (!asked || (toTry ?? triesOf(asked)) !== triesOf(asked)) return nothing;
  const { refundId, amountMinor, state } = asked;
  // A bank may send money back days after the provider has confirmed its refund.
  const cameBack = state === 'done' && answer.outcome === 'refused';
  if (state !== 'due' && !cameBack) return nothing;
  const data = { ...fact(payment, nowMs), refundId, amountMinor };
  const settled: PaymentEvent =
    answer.outcome === 'refunded'
      ? { type: 'PaymentRefunded', data }
      : { type: 'RefundFailed', data: { ...data, reason: answer.reason }, ...(cameBack ? { cameBack } : {}) };
  return [settled, ...startRefunds(evolve(payment, settled), nowMs)];
};

// Over seventy lines: a case for each event.
/** The state after `event`. */
export const evolve = (payment: Payment, event: PaymentEvent): Payment => {
  switch (event.type) {
    case 'InstructionNoted':
      // The payment's id was assigned when the first of the two events arrived.
      return {
        ...event.charge,
        ...(payment.status === 'new' ? event.known : keys(payment)),
        tries: 1,
        retryUntilMs: null,
        holdExpiresAtMs: payment.status === 'awaiting_instruction' ? payment.holdExpiresAtMs : null,
        status: 'awaiting_stock',
      };
    case 'StockNoted':
      return { ...event.known, holdExpiresAtMs: event.holdExpiresAtMs, status: 'awaiting_instruction' };
    case 'AuthorizationDue':
      return {
        ...charged(payment),
        holdExpiresAtMs: event.holdExpiresAtMs,
        status: 'authorizing',
        cancelledFor: null,
      };
    case 'PaymentRetried': {
      const before = charged(payment);
      const { method, provider, token } = event;
      return {
        ...{ ...before, method, provider, token },
        tries: before.tries + 1,
        status: 'authorizing',
        cancelledFor: null,
      };
    }
    case 'RetryClosed':
      assert(payment.status === 'declined', 'only a declined payment is tried again');
      return { ...payment, retryUntilMs: null };
    case 'CancellationNoted':
      return { ...charged(payment), status: 'authorizing', cancelledFor: event.reason };
    case 'PaymentAuthorized':
      // If a cancellation is recorded, the void follows in the same decision.
      return { ...charged(payment), status: 'authorized', token: null };
    case 'PaymentDeclined':
      return {
        ...charged(payment),
        status: 'declined',
        reason: event.data.reason,
        retryUntilMs: event.data.retryUntil,
        token: null,
      };
    case 'CaptureDue':
      return { ...charged(payment), ...takingOf(payment), status: 'capturing' };
    case 'RenewalDue':
      return { ...charged(payment), ...takingOf(payment), status: 'renewing', isRenewed: true };
    case 'PaymentCaptured':
      return { ...charged(payment), ...takingOf(payment), status: 'captured' };
    case 'PaymentFailed':
      return {
        ...charged(payment),
        status: 'failed',
        reason: event.data.reason,
        isRenewed: takingOf(payment).isRenewed,
      };
    case 'VoidDue':
      return {
        ...charged(payment),
        status: 'voiding',
        reason: event.reason,
        wasAuthorized: payment.status === 'authorized',
        token: null,
      };
    case 'PaymentVoided':
      return { ...charged(payment), status: 'voided', reason: event.data.reason };
    case 'PaymentAborted': {
      const { status: _, ...rest } = payment.status === 'new' ? { ...event.known, status: 'new' } : payment;
      return { ...rest, ...event.known, status: 'aborted', reason: event.reason };
    }
    case 'RefundNoted':
      return withRefund(payment, { ...event, state: 'waiting' });
    case 'RefundDue':
      return withRefund(payment, { ...event, state: 'due' });
    case 'PaymentRefunded':
      return withRefund(payment, { ...event.data, state: 'done' });
    case 'RefundFailed':
      return withRefund(payment, {
        ...event.data,
        state: 'failed',
        ...(event.cameBack === true ? { cameBack: true } : {}),
      });
    default:
      return event satisfies never;
  }
};

/** The sum of the refunds that the provider has confirmed. */
export const refundedMinor = (payment: Payment): number => sumOf(takingOf(payment).refunds, 'done');

/** A payment whose money is taken, or about to be. */
type Taker = Extract<Payment, { status: 'capturing' | 'renewing' | 'captured' }>;

const isTaking = (payment: Payment): payment is Taker =>
  payment.status === 'capturing' || payment.status === 'renewing' || payment.status === 'captured';

const takingOf = (payment: Payment): Taking =>
  isTaking(payment)
    ? { refunds: payment.refunds, isRenewed: payment.isRenewed }
    : { refunds: [], isRenewed: false };

const withRefund = (
  payment: Payment,
  { refundId, amountMinor, state, tries, cameBack }: Refund & { state: Refund['state'] },
): Payment => {
  assert(isTaking(payment), 'only money taken is given back');
  const before = payment.refunds.find((refund) => refund.refundId === refundId);
  const others = payment.refunds.filter((refund) => refund !== before);
  const after: Refund = { refundId, amountMinor, state, tries: tries ?? before?.tries ?? 1 };
  // Owed until it is paid, whatever the provider answers in between.
  if ((cameBack ?? before?.cameBack) === true && state !== 'done') after.cameBack = true;
  return { ...payment, refunds: [...others, after] };
};

const keys = ({ paymentId, orderId }: Known): Known => ({ paymentId, orderId });

const charged = (payment: Payment): Charged => {
  assert('amountMinor' in payment && payment.amountMinor !== undefined, 'the charge is known by now');
  const { paymentId, orderId, userId, amountMinor, currency, method, provider, token } = payment as Charged;
  const { tries, retryUntilMs, holdExpiresAtMs } = payment as Charged;
  return {
    ...{ paymentId, orderId, userId, amountMinor, currency, method, provider, token, tries },
    retryUntilMs,
    holdExpiresAtMs,
  };
};

const fact = (payment: Charged, occurredAt: number) => ({
  orderId: payment.orderId,
  paymentId: payment.paymentId,
  amountMinor: payment.amountMinor,
  currency: payment.currency,
  method: payment.method,
  occurredAt,
});
