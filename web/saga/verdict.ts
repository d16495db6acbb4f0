import { formatDuration } from '../kit/time.ts';
import { formatMoney } from '../money/money.ts';
import { type Due, dueText, piecesOutOf, type Saga, type Tone } from './saga.ts';

export type Verdict = { tone: Tone; sentence: string };

const reasons: Readonly<Record<string, string>> = {
  out_of_stock: 'because there were not enough pieces',
  payment_declined: 'because the payment was declined',
  payment_unavailable: 'because the payment could not be tried in time',
  payment_failed: 'because the guaranteed money could not be taken',
  timed_out: 'because it took too long',
  customer: 'at the buyer’s request',
};

/** The order's story in one sentence. `clock` writes an instant in the reader's zone. */
export const verdictOf = (saga: Saga, nowMs: number, clock: (ms: number) => string): Verdict => {
  const placed = saga.events.find(({ type }) => type === 'OrderPlaced');
  if (placed === undefined) return { tone: 'neutral', sentence: 'Nothing has happened to this order yet.' };
  if (saga.events.some(({ type }) => type === 'RefundFailed') && saga.sums.refundsDueMinor > 0)
    return {
      tone: 'bad',
      sentence: `${soFar(saga, placed.atMs)}; the refund of ${money(saga, saga.sums.refundsDueMinor)} has failed, so ask for it again or pay it by other means.`,
    };
  const machine = saga.due.filter(({ what }) => !['shipment', 'delivery'].includes(what));
  const stuck = machine.find(({ isOverdue }) => isOverdue);
  if (saga.state === 'open')
    return { tone: stuck ? 'bad' : 'waiting', sentence: waiting(machine, nowMs, clock) };
  if (stuck !== undefined)
    return { tone: 'bad', sentence: `${soFar(saga, placed.atMs)}, but stuck: ${waitingFor(stuck, nowMs)}.` };
  const [first] = machine;
  if (first !== undefined)
    return { tone: 'waiting', sentence: `${soFar(saga, placed.atMs)}; waiting for ${dueText(first.what)}.` };
  return { tone: saga.state === 'cancelled' ? 'neutral' : 'good', sentence: `${soFar(saga, placed.atMs)}.` };
};

const money = ({ sums }: Saga, amountMinor: number): string =>
  sums.currency === null ? String(amountMinor) : formatMoney({ amountMinor, currency: sums.currency });

const waitingFor = ({ what, sinceMs }: Due, nowMs: number): string =>
  `waiting ${formatDuration(nowMs - sinceMs)} for ${dueText(what)}`;

const waiting = (due: readonly Due[], nowMs: number, clock: (ms: number) => string): string => {
  const [first, ...others] = due;
  if (first === undefined) return 'Placed; the first answer is on its way.';
  const rest = others.map(({ what }) => dueText(what));
  const whole = [waitingFor(first, nowMs), ...rest].join(' and for ').replace(/^w/, 'W');
  const until = due.map(({ byMs }) => byMs).filter((byMs) => byMs !== null);
  const givesUpAtMs = until.length === 0 ? undefined : Math.min(...until);
  const end =
    givesUpAtMs === undefined
      ? ''
      : givesUpAtMs > nowMs
        ? `; gives up at ${clock(givesUpAtMs)}`
        : `; should have given up at ${clock(givesUpAtMs)}`;
  return `${first.isOverdue ? `Stuck: ${whole.replace(/^W/, 'w')}` : whole}${end}.`;
};

/** What has happened so far, without what is missing. */
const soFar = (saga: Saga, placedAtMs: number): string => {
  const at = (type: string) => saga.events.find((event) => event.type === type)?.atMs;
  const took = (type: string) => formatDuration((at(type) ?? placedAtMs) - placedAtMs);
  const { sums, state } = saga;
  if (state === 'cancelled') return `${cancelled(saga, took)}${afterCancelling(saga)}`;
  const parts = [`Confirmed in ${took('OrderConfirmed')}`];
  if (sums.capturedMinor > 0) parts.push(`${money(saga, sums.capturedMinor)} captured`);
  if (sums.refundedMinor > 0) {
    const isWhole = sums.refundedMinor >= sums.capturedMinor;
    parts.push(isWhole ? 'all of it refunded' : `${money(saga, sums.refundedMinor)} of it refunded`);
    if (!isWhole) parts.push(`${money(saga, sums.netMinor)} kept`);
  }
  if (state === 'shipped') parts.push('shipped');
  if (state === 'delivered') parts.push('delivered');
  if (state === 'returned') parts.push('everything returned');
  else if (saga.events.some(({ type }) => type === 'OrderReturned')) parts.push('a part returned');
  return parts.join(', ');
};

const cancelled = (saga: Saga, took: (type: string) => string): string => {
  const why = saga.reason === null ? '' : ` ${reasons[saga.reason] ?? `(${saga.reason})`}`;
  const before = saga.events.some(({ type }) => type === 'OrderConfirmed')
    ? `Confirmed in ${took('OrderConfirmed')}, then cancelled after ${took('OrderCancelled')}`
    : `Cancelled after ${took('OrderCancelled')}`;
  return before + why;
};

const afterCancelling = (saga: Saga): string => {
  const { sums } = saga;
  const parts: string[] = [];
  if (sums.releasedPieces > 0) parts.push('its stock is free again');
  if (sums.undonePieces + sums.returnedPieces > 0) parts.push('its pieces are back in stock');
  if (sums.refundedMinor > 0) parts.push(`${money(saga, sums.refundedMinor)} refunded`);
  else if (sums.voidedMinor > 0) parts.push('the guaranteed money was given up');
  else if (sums.capturedMinor === 0 && sums.heldMinor === 0) parts.push('no money was moved');
  return parts.length === 0 ? '' : `; ${parts.join(' and ')}`;
};

export type Tick = { name: string; state: 'yes' | 'no' | 'not yet' | 'unknown'; detail: string };

/** Whether the books of this one order agree. `messages` is how many the buyer was sent; both are null where nobody can say. */
export const ticksOf = (
  saga: Saga,
  facts: { messages: number | null; inAnalytics: boolean | null },
): Tick[] => {
  const { sums, state, due } = saga;
  const isSettling = due.some(({ what }) => !['shipment', 'delivery'].includes(what));
  const returnsMinor = saga.events
    .filter(({ type, isRepeat }) => type === 'OrderReturned' && !isRepeat)
    .reduce((sum, { data }) => sum + Number(data.refundMinor ?? 0), 0);
  const wantedMinor = state === 'cancelled' ? 0 : sums.totalMinor - returnsMinor;
  const stock = state === 'cancelled' ? 0 : sums.pieces;
  const stockThere = state === 'cancelled' ? piecesOutOf(sums) : sums.committedPieces;
  const backPieces = sums.undonePieces + sums.returnedPieces;
  const settled = (isRight: boolean): Tick['state'] => (isRight ? 'yes' : isSettling ? 'not yet' : 'no');
  return [
    {
      name: 'Money equals goods',
      // Goodwill lowers what is kept and sends nothing back, so less is right as well.
      state: settled(
        state === 'cancelled'
          ? sums.netMinor === 0 && sums.heldMinor === 0
          : sums.netMinor <= wantedMinor && sums.capturedMinor === sums.totalMinor,
      ),
      detail: `${money(saga, sums.netMinor)} kept, ${money(saga, wantedMinor)} owed`,
    },
    {
      name: 'Stock equals lines',
      state: settled(stockThere === stock),
      detail: `${stockThere} of ${stock} ${stock === 1 ? 'piece' : 'pieces'} sold, ${backPieces} back`,
    },
    {
      name: 'In analytics',
      state: facts.inAnalytics === null ? 'unknown' : facts.inAnalytics ? 'yes' : 'not yet',
      detail: 'its events are rows in ClickHouse',
    },
    {
      name: 'Buyer informed',
      state: facts.messages === null ? 'unknown' : facts.messages > 0 ? 'yes' : 'not yet',
      detail: facts.messages === null ? 'the history does not say' : `${facts.messages} messages`,
    },
  ];
};
