/** What an order's events say: pure, so that every story can be tested without a browser. */

export type SagaEvent = {
  type: string;
  service: string;
  occurredAt: string;
  data: Readonly<Record<string, unknown>>;
  /** Staff alone see these. */
  eventId?: string | undefined;
  causationId?: string | null | undefined;
};

export type Lane = 'order' | 'stock' | 'payment' | 'delivery';

export type SpanState =
  /** Asked and answered. */
  | 'done'
  /** Asked, and the answer may still come in time. */
  | 'open'
  /** Asked, and the answer should have been there. */
  | 'overdue'
  /** Answered with no. */
  | 'refused'
  /** Given back: what stands above it was undone by this. */
  | 'undone';

export type Span = {
  key: string;
  lane: Lane;
  name: string;
  fromMs: number;
  /** Null while it lasts. */
  toMs: number | null;
  state: SpanState;
};

/** One thing that should come next. `byMs` is null where no time was promised. */
export type Due = {
  what: DueKind;
  sinceMs: number;
  byMs: number | null;
  isOverdue: boolean;
};

export type DueKind = keyof typeof dueWords;

const dueWords = {
  stock_reservation: 'inventory to hold the pieces',
  payment_authorization: 'payment to guarantee the money',
  payment_retry: 'the buyer to try another payment',
  confirmation: 'the order to be confirmed',
  payment_capture: 'the money to be taken',
  stock_commit: 'the pieces to leave the stock',
  payment_void: 'the guarantee of the money to be given up',
  stock_release: 'the pieces to be free again',
  refund: 'the money to go back',
  stock_return: 'the returned pieces to be in stock again',
  shipment: 'the goods to be sent',
  delivery: 'the goods to arrive',
} as const;

export const dueText = (what: DueKind): string => dueWords[what];

/** What only people do; nothing is wrong while it takes its time. */
const byPeople: readonly DueKind[] = ['shipment', 'delivery', 'payment_retry'];

export type Sums = {
  currency: string | null;
  totalMinor: number;
  authorizedMinor: number;
  /** Guaranteed and neither taken nor given up. */
  heldMinor: number;
  capturedMinor: number;
  voidedMinor: number;
  refundedMinor: number;
  /** Promised to the buyer and not paid back yet. */
  refundsDueMinor: number;
  netMinor: number;
  pieces: number;
  /** Held and neither sold nor released. */
  reservedPieces: number;
  committedPieces: number;
  /** Held, and free again. */
  releasedPieces: number;
  /** Sold, and in stock again because the order was cancelled. */
  undonePieces: number;
  /** Sold, and sent back by the buyer. */
  returnedPieces: number;
};

export type Tone = 'good' | 'waiting' | 'bad' | 'neutral';

export type Saga = {
  /** In the order in which they happened; a repeat of an event is marked and counts for nothing. */
  events: readonly (SagaEvent & { key: string; atMs: number; isRepeat: boolean; lane: Lane })[];
  spans: readonly Span[];
  due: readonly Due[];
  sums: Sums;
  /** Why it was cancelled, if it was. */
  reason: string | null;
  state: 'none' | 'open' | 'confirmed' | 'shipped' | 'delivered' | 'returned' | 'cancelled';
};

export type SagaLimits = {
  /** A step of a machine that takes longer is overdue. */
  stuckAfterMs: number;
  /** When the order is given up unless it is confirmed before; null where nobody has said. */
  givesUpAtMs: number | null;
};

const usualLimits: SagaLimits = { stuckAfterMs: 60_000, givesUpAtMs: null };

const laneOf = ({ type, service }: SagaEvent): Lane => {
  if (type === 'OrderShipped' || type === 'OrderDelivered') return 'delivery';
  if (service === 'inventory' || type.startsWith('Stock')) return 'stock';
  if (service === 'payment' || type.startsWith('Payment') || type.startsWith('Refund')) return 'payment';
  return 'order';
};

const amount = (event: SagaEvent | undefined): number => Number(event?.data.amountMinor ?? 0);
const reasonOf = (event: SagaEvent | undefined): string | null =>
  typeof event?.data.reason === 'string' ? event.data.reason : null;
const piecesIn = (event: SagaEvent | undefined): number => {
  const lines = event?.data.lines;
  if (!Array.isArray(lines)) return 0;
  return lines.reduce((sum: number, line: { quantity?: number }) => sum + (line.quantity ?? 0), 0);
};
const sumOf = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((sum, item) => sum + of(item), 0);

type Timed = Saga['events'][number];

/** All events of some types, the first and the last of them. */
const filed = (events: readonly Timed[]) => {
  const all = (...types: readonly string[]): readonly Timed[] =>
    events.filter(({ type, isRepeat }) => types.includes(type) && !isRepeat);
  const last = (...types: readonly string[]): Timed | undefined => all(...types).at(-1);
  const first = (type: string): Timed | undefined => all(type)[0];
  return { all, first, last };
};

type Filed = ReturnType<typeof filed>;

export const sagaOf = (
  given: readonly SagaEvent[],
  nowMs: number,
  limits: Partial<SagaLimits> = {},
): Saga => {
  const seen = new Map<string, number>();
  const events = given
    .map((event, at) => ({ ...event, at, atMs: Date.parse(event.occurredAt), lane: laneOf(event) }))
    .sort((a, b) => a.atMs - b.atMs || a.at - b.at)
    .map(({ at: _, ...event }) => {
      const id = event.eventId ?? `${event.type} ${event.occurredAt}`;
      const times = seen.get(id) ?? 0;
      seen.set(id, times + 1);
      const isRepeat = event.eventId !== undefined && times > 0;
      return { ...event, key: times === 0 ? id : `${id} ${times}`, isRepeat };
    });
  const by = filed(events);
  const sums = sumsOf(by);
  const due = dueOf(by, sums, nowMs, { ...usualLimits, ...limits });
  return {
    events,
    sums,
    due,
    spans: spansOf(by, due, nowMs),
    reason: reasonOf(by.last('OrderCancelled')),
    state: stateOf(by),
  };
};

const stateOf = ({ first, last }: Filed): Saga['state'] => {
  if (first('OrderPlaced') === undefined) return 'none';
  if (first('OrderCancelled')) return 'cancelled';
  if (last('OrderReturned')?.data.isFull === true) return 'returned';
  if (first('OrderDelivered')) return 'delivered';
  if (first('OrderShipped')) return 'shipped';
  return first('OrderConfirmed') ? 'confirmed' : 'open';
};

type Refund = { amountMinor: number; isOfReturn: boolean; isPaid: boolean };

/** Each refund that was paid once. It is not any more where the bank has sent its money back, until it is paid again. */
const refundsOf = ({ all }: Filed): Refund[] => {
  const returns = new Set(all('OrderReturned').map(({ data }) => data.returnId));
  const refunds = new Map<unknown, Refund>();
  for (const event of all('PaymentRefunded', 'RefundFailed')) {
    const { refundId } = event.data;
    const isPaid = event.type === 'PaymentRefunded';
    if (isPaid || refunds.has(refundId))
      refunds.set(refundId, { amountMinor: amount(event), isOfReturn: returns.has(refundId), isPaid });
  }
  return [...refunds.values()];
};

const refundsDueOf = (refunds: readonly Refund[], returnsMinor: number, capturedMinor: number): number => {
  const sum = (isOfReturn: boolean, isPaid: boolean) =>
    sumOf(
      refunds.filter((refund) => refund.isOfReturn === isOfReturn && refund.isPaid === isPaid),
      ({ amountMinor }) => amountMinor,
    );
  // A return is paid what others have left of the money.
  const promisedMinor = Math.min(returnsMinor, capturedMinor - sum(false, true));
  return Math.max(0, promisedMinor - sum(true, true)) + sum(false, false);
};

const sumsOf = (by: Filed): Sums => {
  const { all, first } = by;
  const placed = first('OrderPlaced');
  const authorizedMinor = sumOf(all('PaymentAuthorized'), amount);
  const capturedMinor = sumOf(all('PaymentCaptured'), amount);
  const voidedMinor = sumOf(all('PaymentVoided'), amount);
  const failedMinor = sumOf(all('PaymentFailed'), amount);
  const refunds = refundsOf(by);
  const refundedMinor = sumOf(refunds, ({ amountMinor, isPaid }) => (isPaid ? amountMinor : 0));
  const returnsMinor = sumOf(all('OrderReturned'), ({ data }) => Number(data.refundMinor ?? 0));
  const reserved = piecesIn(first('StockReserved'));
  const committedPieces = piecesIn(first('StockCommitted'));
  // Inventory says the same of a hold that ends and of a sale that is undone.
  const freedPieces = sumOf(all('StockReleased'), piecesIn);
  const [releasedPieces, undonePieces] = committedPieces > 0 ? [0, freedPieces] : [freedPieces, 0];
  return {
    currency: typeof placed?.data.currency === 'string' ? placed.data.currency : null,
    totalMinor: Number(placed?.data.totalMinor ?? 0),
    authorizedMinor,
    heldMinor: Math.max(0, authorizedMinor - capturedMinor - voidedMinor - failedMinor),
    capturedMinor,
    voidedMinor,
    refundedMinor,
    refundsDueMinor: first('OrderCancelled')
      ? Math.max(0, capturedMinor - refundedMinor)
      : refundsDueOf(refunds, returnsMinor, capturedMinor),
    netMinor: capturedMinor - refundedMinor,
    pieces: piecesIn(placed),
    reservedPieces: Math.max(0, reserved - committedPieces - releasedPieces),
    committedPieces,
    releasedPieces,
    undonePieces,
    returnedPieces: sumOf(all('StockReturned'), piecesIn),
  };
};

/** What the order has of the stock, held or sold. */
export const piecesOutOf = ({
  reservedPieces,
  committedPieces,
  undonePieces,
  returnedPieces,
}: Sums): number => reservedPieces + committedPieces - undonePieces - returnedPieces;

const dueOf = (by: Filed, sums: Sums, nowMs: number, limits: SagaLimits): Due[] => {
  const due: Due[] = [];
  const add = (what: DueKind, since: Timed | undefined, byMs: number | null = null): void => {
    const sinceMs = since?.atMs ?? nowMs;
    const isOverdue =
      !byPeople.includes(what) && (nowMs - sinceMs > limits.stuckAfterMs || (byMs !== null && nowMs > byMs));
    due.push({ what, sinceMs, byMs, isOverdue });
  };
  const { first, last, all } = by;
  const [placed, cancelled, confirmed] = [
    first('OrderPlaced'),
    first('OrderCancelled'),
    first('OrderConfirmed'),
  ];
  if (placed === undefined) return due;

  if (cancelled !== undefined) {
    if (piecesOutOf(sums) > 0) add('stock_release', cancelled);
    if (sums.heldMinor > 0) add('payment_void', cancelled);
    if (sums.refundsDueMinor > 0) add('refund', last('OrderCancelled', 'RefundFailed'));
    return due;
  }
  if (confirmed === undefined) {
    const { givesUpAtMs } = limits;
    const reserved = first('StockReserved');
    const declined = last('PaymentDeclined');
    const authorized = last('PaymentAuthorized');
    if (reserved === undefined && first('StockRejected') === undefined)
      add('stock_reservation', placed, givesUpAtMs);
    if (authorized === undefined)
      if (declined !== undefined) add('payment_retry', declined, givesUpAtMs);
      else add('payment_authorization', reserved ?? placed, givesUpAtMs);
    if (reserved !== undefined && authorized !== undefined) add('confirmation', authorized);
    return due;
  }
  if (sums.capturedMinor === 0 && sums.heldMinor > 0) add('payment_capture', confirmed);
  if (sums.committedPieces === 0) add('stock_commit', confirmed);
  const returned = last('OrderReturned');
  if (sums.refundsDueMinor > 0) add('refund', last('OrderReturned', 'RefundFailed'));
  if (all('OrderReturned').length > all('StockReturned').length) add('stock_return', returned);
  const [shipped, delivered] = [first('OrderShipped'), first('OrderDelivered')];
  if (returned?.data.isFull === true) return due;
  if (shipped === undefined) add('shipment', confirmed);
  else if (delivered === undefined) add('delivery', shipped);
  return due;
};

type Spans = {
  drawn: Span[];
  /** Nothing where it has not begun. Without an end it is open or overdue, or ends now. */
  add(lane: Lane, name: string, from: Timed | undefined, to: Timed | undefined, state: SpanState): void;
  /** Whether what is due is overdue; done where it is not due. */
  waits(what: DueKind): SpanState;
};

const createSpans = (due: readonly Due[], nowMs: number): Spans => {
  const drawn: Span[] = [];
  return {
    drawn,
    add: (lane, name, from, to, state) => {
      if (from === undefined) return;
      const key = `${name} ${drawn.length}`;
      const isEndless = state === 'open' || state === 'overdue';
      drawn.push({
        key,
        lane,
        name,
        fromMs: from.atMs,
        toMs: to?.atMs ?? (isEndless ? null : nowMs),
        state,
      });
    },
    waits: (what) => {
      const found = due.find((each) => each.what === what);
      return found === undefined ? 'done' : found.isOverdue ? 'overdue' : 'open';
    },
  };
};

const spansOf = (by: Filed, due: readonly Due[], nowMs: number): Span[] => {
  const spans = createSpans(due, nowMs);
  addOrder(by, due, spans);
  addStock(by, spans);
  addPayment(by, spans);
  addReturnsAndRefunds(by, due, spans);
  const [shipped, delivered] = [by.first('OrderShipped'), by.first('OrderDelivered')];
  if (shipped) spans.add('delivery', 'On its way', shipped, delivered, delivered ? 'done' : 'open');
  return spans.drawn;
};

const addOrder = ({ first }: Filed, due: readonly Due[], { add }: Spans): void => {
  const [confirmed, cancelled] = [first('OrderConfirmed'), first('OrderCancelled')];
  const isStuck = due.some(({ isOverdue }) => isOverdue);
  add(
    'order',
    confirmed ? 'Placed → confirmed' : cancelled ? 'Placed → cancelled' : 'Placed',
    first('OrderPlaced'),
    confirmed ?? cancelled,
    confirmed ? 'done' : cancelled ? 'refused' : isStuck ? 'overdue' : 'open',
  );
  if (confirmed && cancelled) add('order', 'Cancelled afterwards', confirmed, cancelled, 'undone');
};

const addStock = ({ first, last }: Filed, { add, waits }: Spans): void => {
  const cancelled = first('OrderCancelled');
  const [reserved, rejected] = [first('StockReserved'), first('StockRejected')];
  const [committed, released] = [first('StockCommitted'), last('StockReleased')];
  if (reserved !== undefined || rejected !== undefined || !cancelled)
    add(
      'stock',
      rejected ? 'Not enough in stock' : 'Reserving',
      first('OrderPlaced'),
      reserved ?? rejected,
      rejected ? 'refused' : reserved ? 'done' : waits('stock_reservation'),
    );
  if (committed) {
    add('stock', 'Held → sold', reserved, committed, 'done');
    if (released) add('stock', 'Sold → back in stock', cancelled ?? committed, released, 'undone');
    else if (cancelled) add('stock', 'Sold → back in stock', cancelled, undefined, waits('stock_release'));
  } else if (released) add('stock', 'Held → released', reserved, released, 'undone');
  else if (cancelled) add('stock', 'Still held', reserved, undefined, waits('stock_release'));
  else add('stock', 'Held', reserved, undefined, first('OrderConfirmed') ? waits('stock_commit') : 'open');
};

const addPayment = ({ first, last, all }: Filed, { add, waits }: Spans): void => {
  const [confirmed, cancelled] = [first('OrderConfirmed'), first('OrderCancelled')];
  const begun = first('StockReserved') ?? first('OrderPlaced');
  const authorized = last('PaymentAuthorized');
  for (const declined of all('PaymentDeclined')) add('payment', 'Declined', begun, declined, 'refused');
  if (authorized) add('payment', 'Guaranteeing', begun, authorized, 'done');
  else if (!cancelled && first('PaymentDeclined') === undefined)
    add('payment', 'Guaranteeing', begun, undefined, waits('payment_authorization'));
  const [captured, voided, failed] = [
    first('PaymentCaptured'),
    first('PaymentVoided'),
    first('PaymentFailed'),
  ];
  if (captured) add('payment', 'Guaranteed → taken', authorized, captured, 'done');
  else if (voided) add('payment', 'Guaranteed → given up', authorized, voided, 'undone');
  else if (failed) add('payment', 'Could not be taken', authorized, failed, 'refused');
  else
    add(
      'payment',
      'Guaranteed',
      authorized,
      undefined,
      cancelled ? waits('payment_void') : confirmed ? waits('payment_capture') : 'open',
    );
};

/** Each return, and each refund from when it was promised to when it was paid. */
const addReturnsAndRefunds = ({ all, first }: Filed, due: readonly Due[], { add }: Spans): void => {
  const refunds = all('PaymentRefunded');
  const promised = [
    ...all('OrderReturned'),
    ...[first('OrderCancelled')].filter((event) => event !== undefined),
  ];
  refunds.forEach((refund) => {
    const from = promised.filter(({ atMs }) => atMs <= refund.atMs).at(-1) ?? refund;
    add('payment', 'Refunded', from, refund, 'undone');
  });
  const owed = due.find(({ what }) => what === 'refund');
  if (owed) add('payment', 'Refund due', promised.at(-1), undefined, owed.isOverdue ? 'overdue' : 'open');
  for (const failed of all('RefundFailed')) {
    const { refundId } = failed.data;
    const before = all('PaymentRefunded', 'RefundFailed').filter(
      ({ data, atMs }) => data.refundId === refundId && atMs < failed.atMs,
    );
    const paid = before.at(-1);
    if (paid?.type === 'PaymentRefunded') add('payment', 'Refund sent back', paid, failed, 'refused');
    else add('payment', 'Refund refused', promised.at(-1) ?? failed, failed, 'refused');
  }
  for (const back of all('StockReturned')) {
    const from = all('OrderReturned').find(({ data }) => data.returnId === back.data.returnId) ?? back;
    add('stock', 'Returned', from, back, 'undone');
  }
};
