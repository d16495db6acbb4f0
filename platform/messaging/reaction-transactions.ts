import { isBrokenInvariant } from '#platform/assert';
import { isRetriable, PlatformError } from '#platform/errors';
import { firstTime } from '#platform/inbox/inbox';
import type { IncomingRecord } from '#platform/messaging/broker';
import type { ReceivedEvent } from '#platform/messaging/events';
import type { Trials } from '#platform/messaging/trials';
import { isShared } from '#platform/postgres/gathering';
import type { Database } from '#platform/postgres/pool';
import { inTransaction, isAborted, type Tx } from '#platform/postgres/transaction';
import type { Logger } from '#platform/telemetry/logger';
import { backoffMs } from '#platform/waiting/backoff';
import { createCollector } from '#platform/waiting/collector';
import { createBoundedClaim, giveWay } from '#platform/waiting/loop-share';
import { sleep } from '#platform/waiting/sleep';
import { createSpacing } from '#platform/waiting/spacing';

export type Item = { event: ReceivedEvent; record: IncomingRecord };

export type ReactionTransactions = {
  /**
   * Handles the events of one partition, at most once each, and resolves when their effects are committed and what could
   * not be handled is in the dead-letter topic. Rejects with the fault that holds the partition; then nothing of these
   * events is committed that does not stand alone.
   */
  handle(items: readonly Item[]): Promise<void>;
};

type Options = {
  db: Pick<Database, 'pool'>;
  group: string;
  /** The most events of one transaction; a single partition's items may be more. */
  eventsMax: number;
  react(tx: Tx, event: ReceivedEvent): Promise<void>;
  /** False where the reaction's own state recognises repeats. */
  needsInbox(event: ReceivedEvent): boolean;
  /**
   * How long to rest before a transaction while the event loop is busy; 0 for events that somebody waits for, whose
   * transactions, once they are full, have the others rest.
   */
  yieldMs: number;
  trials: Trials;
  logger: Logger;
};

/** Between the beginnings of two transactions, so that a stream of events needs fewer of them. */
const spacingMs = 10;

/** Longer than a full transaction takes, so that the next one can claim before this claim ends. */
const claimMs = 500;
/** Who is behind for longer shares with the others. */
const claimedMsMax = 60_000;

type Waiting = { items: readonly Item[]; resolve(): void; reject(error: unknown): void };

/**
 * One transaction at a time, of the events that have arrived meanwhile, of as many partitions as there are. Events of one
 * key are handled one after the other, those of different keys side by side, so that what they gather (see `Tx`)
 * becomes one statement for all. When such a transaction fails, each partition's events get one of their own, so that
 * one partition's trouble does not hold another.
 */
export const createReactionTransactions = (options: Options): ReactionTransactions => {
  const { eventsMax, yieldMs, trials, group, logger } = options;
  const attempt = createAttempt(options);
  const alone = createAlone(attempt, trials);
  const spacing = createSpacing(spacingMs);
  const claim = createBoundedClaim(claimedMsMax);

  const takeNext = (waiting: Waiting[]): Waiting[] => {
    let events = 0;
    const end = waiting.findIndex(({ items }, n) => {
      events += items.length;
      return n > 0 && events > eventsMax;
    });
    return waiting.splice(0, end === -1 ? waiting.length : end);
  };

  const collect = createCollector<Waiting>(async (waiting) => {
    await spacing.next();
    if (yieldMs > 0) await giveWay(yieldMs);
    const lists = takeNext(waiting);
    if (yieldMs === 0 && isFull(lists)) claim(claimMs);
    const failure = lists.length > 1 ? await attempt(lists.flatMap(({ items }) => items)) : undefined;
    if (failure !== undefined)
      logger.debug({ err: failure.error, group, partitions: lists.length }, 'handled partition by partition');
    if (lists.length > 1 && failure === undefined) for (const { resolve } of lists) resolve();
    else
      for (const { items, resolve, reject } of lists)
        await alone(items, blaming(items, failure)).then(resolve, reject);
    // The partitions that have just been served may have their next events at hand.
    await new Promise(setImmediate);
  });

  const isFull = (lists: readonly Waiting[]): boolean =>
    lists.reduce((events, { items }) => events + items.length, 0) >= eventsMax;

  const isHeld = ({ event }: Item): boolean => trials.heldBy(event) !== undefined;

  return {
    handle: (items) => {
      const [first] = items;
      if (first === undefined) return Promise.resolve();
      // What holds a partition would fail the others' transaction too.
      if (isHeld(first)) return alone(items);
      return new Promise((resolve, reject) => collect({ items, resolve, reject }));
    },
  };
};

/** What has failed a transaction, and the event whose reaction it was; none where all are to blame. */
type Failure = { error: unknown; culprit?: Item };
type Attempt = (items: readonly Item[]) => Promise<Failure | undefined>;

/** The failure, where it is one of these items' own: then it counts as their first try. */
const blaming = (items: readonly Item[], failure: Failure | undefined): Failure | undefined =>
  failure?.culprit !== undefined && items.includes(failure.culprit) ? failure : undefined;

const createAttempt =
  ({ db, group, react, needsInbox, trials }: Options): Attempt =>
  async (items) => {
    const pending = items.filter(({ event, record }) => !trials.isParked(event, record));
    if (pending.length === 0) return undefined;
    let failure: Failure | undefined;
    try {
      await inTransaction(db, async (tx) => {
        failure = undefined;
        const marked = pending.filter(({ event }) => needsInbox(event));
        const others = pending.filter(({ event }) => !needsInbox(event));
        const unseen = new Set([...(await firstTime(tx, group, idsOf(marked))), ...idsOf(others)]);
        // The second of two equal events is not new either.
        const fresh = pending.filter(({ event }) => unseen.delete(event.eventId));
        failure = await reactToAll(fresh, { react: (event) => react(tx, event), trials });
        if (failure !== undefined) throw failure.error;
      });
      return undefined;
    } catch (error) {
      const culprit = failure?.culprit ?? (pending.length === 1 ? pending[0] : undefined);
      return { error: poisonOf(error), ...(culprit === undefined ? {} : { culprit }) };
    }
  };

const idsOf = (items: readonly Item[]): string[] => items.map(({ event }) => event.eventId);

/** Resolves, to the first failure, when every reaction has ended: until then they use the transaction's connection. */
const reactToAll = async (
  items: readonly Item[],
  { react, trials }: { react: (event: ReceivedEvent) => Promise<void>; trials: Trials },
): Promise<Failure | undefined> => {
  let failure: Failure | undefined;
  const lastOfKey = new Map<string, Promise<void>>();
  for (const item of items) {
    const key = item.event.key ?? '';
    const run = async (): Promise<void> => {
      await lastOfKey.get(key);
      if (failure !== undefined) return;
      try {
        const failures = trials.failuresOf(item.event, item.record);
        if (failures > 0) item.event.attempt = failures + 1;
        await react(item.event);
      } catch (error) {
        // An aborted transaction says nothing about the reaction that meets it.
        failure ??= { error, ...(isShared(error) || isAborted(error) ? {} : { culprit: item }) };
      }
    };
    lastOfKey.set(key, run());
  }
  await Promise.all(lastOfKey.values());
  return failure;
};

/** Between the tries of an event that failed unexpectedly, which may be a matter of timing. */
const tryAgain = { minMs: 50, maxMs: 200 };

/**
 * Handles one partition's events in a transaction. When one had to be parked, it runs the transaction again without it.
 * When the transaction fails and no event is to blame, each event gets a transaction of its own, so that one event
 * cannot hold the others.
 */
const createAlone = (attempt: Attempt, trials: Trials) => {
  const alone = async (items: readonly Item[], tried?: Failure): Promise<void> => {
    for (let failures = 1; ; failures += 1) {
      const failed = failures === 1 && tried !== undefined ? tried : await attempt(items);
      if (failed === undefined) return;
      const { error, culprit } = failed;
      if (isRetriable(error) || isBrokenInvariant(error)) {
        if (culprit !== undefined) await trials.park(culprit.event, culprit.record, error);
        throw error;
      }
      if (culprit === undefined) {
        for (const item of items) await alone([item]);
        return;
      }
      if (!(await trials.park(culprit.event, culprit.record, error)))
        await sleep(backoffMs(tryAgain, failures));
    }
  };
  return alone;
};

/** SQLSTATE 22: a value that its column cannot hold. 54: one that is too large for it. No further try stores it. */
const unstorable = /^(22|54)...$/;

const poisonOf = (error: unknown): unknown => {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: string };
  if (error instanceof PlatformError || typeof code !== 'string' || !unstorable.test(code)) return error;
  return new PlatformError('datum_meaningless', `cannot be stored: ${message}`, {
    retriable: false,
    cause: error,
  });
};
