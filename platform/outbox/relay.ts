import type { OutgoingRecord, Producer } from '#platform/messaging/broker';
import { watchBacklog } from '#platform/outbox/backlog';
import { openSession, type RelaySession } from '#platform/outbox/relay-session';
import { openRotation, type Rotation } from '#platform/outbox/rotation';
import { createWindow, type OutboxRow, type OutboxWindow } from '#platform/outbox/window';
import type { Database } from '#platform/postgres/pool';
import type { Component, Host } from '#platform/service-host';
import { backoffMs } from '#platform/waiting/backoff';
import { createBell } from '#platform/waiting/bell';
import { createSpacing } from '#platform/waiting/spacing';

/**
 * Sends outbox rows to Kafka: every committed row at least once, and rows of one key in the order in which they were
 * appended.
 *
 * A cursor over `seq`, or over transaction ids, would lose or reorder rows: both are assigned before the transaction
 * commits, so they do not show the order in which rows become visible. The position is therefore a database snapshot
 * `done`: every row that was visible to it has been published. The next window is the rows that became visible between
 * `done` and a newer snapshot `target`, and it is sent in `seq` order. Transactions that write about the same row wait
 * for each other's locks, so every snapshot sees a prefix of one key's rows in `seq` order, and the sequence of windows
 * keeps that order. A transaction that stays open delays only its own rows.
 *
 * The window is stored before its first row is sent, so after a crash the relay sends the same rows in the same order
 * again: see `relayBatchMax`.
 *
 * Only one relay of a database works at a time: it holds an advisory lock on the connection that it uses, so a relay
 * that loses the connection can neither read on nor move the position, nor try again to send what it has read.
 */
export type OutboxRelay = Component & {
  /**
   * Rows that Kafka has not acknowledged, counted within the last second or so while there are any or the relay has
   * trouble. A service may refuse more work by it.
   */
  unpublished(): number;
};

/**
 * The most rows between two acknowledgements, and so the largest distance, in the relay's order, between a row and its
 * duplicate. Duplicates arise only when a relay dies after Kafka has received a batch and before the new position is
 * stored; then that batch is sent again first. (With several instances of a service, one that loses its database while
 * its send hangs may deliver that one batch late; the producer's 10 s bound the send.)
 */
const relayBatchMax = 500;

export type RelayOptions = {
  /** `relayBatchMax` if unset. */
  batchMax?: number;
  /** How often the relay looks without a notification, in case one was lost. 15,000 if unset. */
  pollMs?: number;
  /** Once the active table has received this many rows, the other one becomes active. 10,000 if unset. */
  rotateRowsMin?: number;
  /** The other table becomes active after so long too, so that what was sent does not stay for long. 600,000 if unset. */
  rotateAfterMs?: number;
  /** Health is `degraded` when the oldest unsent row has waited for longer. 10,000 if unset. */
  silentMsMax?: number;
};

const retry = { minMs: 100, maxMs: 2_000 };
const leaderPollMs = 1_000;
/** Between the ends of two windows, so that a stream of rows needs fewer of them. */
const spacingMs = 5;
const foreignCheckEveryMs = 1_000;

// Over seventy lines: one relay, whose session, trouble and end share one state.
export const createOutboxRelay = (
  host: Pick<Host, 'service' | 'logger' | 'metrics' | 'clock'>,
  db: Pick<Database, 'pool' | 'query'>,
  producer: Pick<Producer, 'send'>,
  options: RelayOptions = {},
): OutboxRelay => {
  const bell = createBell();
  const ending = createBell();
  const backlog = watchBacklog(host, db, options.silentMsMax ?? 10_000);
  let stopping = false;
  let finished: Promise<void> = Promise.resolve();
  let trouble: string | undefined;
  const onAppended = (): void => {
    backlog.noteAppended();
    bell.ring();
  };

  const restAfter = async (error: unknown, failures: number): Promise<void> => {
    trouble = (error as Error).message;
    backlog.expectRows();
    host.logger[failures === 1 ? 'warn' : 'debug']({ err: error, failures }, 'outbox relay interrupted');
    await ending.wait(backoffMs(retry, failures));
  };
  const lead = createLead(host, options, {
    isStopping: () => stopping,
    waitForRows: bell.wait,
    send: async (records) => {
      await producer.send(records);
      trouble = undefined;
    },
    restAfter,
  });

  const run = async (): Promise<void> => {
    for (let failures = 0; !stopping; ) {
      let session: RelaySession | undefined;
      try {
        session = await openSession(host.service, db.pool, onAppended);
        while (!stopping && !(await session.tryLead())) await ending.wait(leaderPollMs);
        failures = 0;
        trouble = undefined;
        backlog.notesAppends(true);
        if (!stopping) await lead(session);
      } catch (error) {
        failures += 1;
        await restAfter(error, failures);
      } finally {
        backlog.notesAppends(false);
        await session?.close();
      }
    }
  };

  return {
    name: 'outbox-relay',
    unpublished: backlog.unpublished,
    start: async () => {
      backlog.start();
      finished = run();
    },
    stop: async () => {
      stopping = true;
      backlog.stop();
      ending.ring();
      bell.ring();
      await finished;
    },
    checkHealth: async () =>
      trouble === undefined ? backlog.health() : { status: 'degraded', detail: trouble },
  };
};

type Surroundings = {
  isStopping(): boolean;
  /** Resolves when rows may have been appended, or after `waitMs`. */
  waitForRows(waitMs: number): Promise<void>;
  send(records: readonly OutgoingRecord[]): Promise<void>;
  restAfter(error: unknown, failures: number): Promise<void>;
};

// Over seventy lines: the loop of the leader, and its two steps.
/** The loop of the leading relay: sends window after window until it is stopped or its session breaks. */
const createLead = (
  host: Pick<Host, 'logger' | 'metrics' | 'clock'>,
  options: RelayOptions,
  surroundings: Surroundings,
): ((session: RelaySession) => Promise<void>) => {
  const { isStopping, waitForRows } = surroundings;
  const deliver = createDelivery(host, surroundings);
  const batchMax = options.batchMax ?? relayBatchMax;
  const pollMs = options.pollMs ?? 15_000;
  const restartIfForeign = createForeignCheck(host);

  /** Sends the open window, whose first rows are given, to its end, or until the relay stops. */
  const drain = async (
    window: OutboxWindow,
    first: readonly OutboxRow[],
    confirm: RelaySession['confirm'],
  ): Promise<{ sent: number; lastSeq: string | undefined }> => {
    let lastSeq: string | undefined;
    for (let sent = 0, rows = first; ; ) {
      const last = rows.at(-1);
      if (last === undefined || !(await deliver(rows, confirm))) return { sent, lastSeq };
      sent += rows.length;
      lastSeq = last.seq;
      if (isStopping()) await window.save(last.seq);
      if (isStopping() || rows.length < batchMax) return { sent, lastSeq };
      rows = await window.readBehind(last.seq, batchMax);
    }
  };

  /** The first rows of the next window, as soon as there is one; none when the relay stops. */
  const awaitWindow = async (
    window: OutboxWindow,
    checked: { atMs: number },
    rotation: Rotation,
  ): Promise<OutboxRow[]> => {
    const soonMs = Math.min(pollMs, foreignCheckEveryMs);
    for (let waitMs = soonMs; !isStopping(); ) {
      const rows = await window.open(batchMax);
      if (rows.length > 0) return rows;
      await rotation.rotateIfDue(0);
      if (performance.now() - checked.atMs >= foreignCheckEveryMs) {
        checked.atMs = performance.now();
        if (await restartIfForeign(window)) continue;
      }
      const waitedFromMs = performance.now();
      await waitForRows(waitMs);
      // Rows that were announced and cannot be seen may be behind the position of another cluster.
      const wasRung = performance.now() - waitedFromMs < waitMs - 1;
      waitMs = wasRung ? soonMs : pollMs;
    }
    return [];
  };

  return async ({ query, confirm }) => {
    const window = createWindow(query);
    await restartIfForeign(window);
    const checked = { atMs: performance.now() };
    const spacing = createSpacing(spacingMs);
    const rotation = await openRotation(query, options);
    // First the rest of the window that the previous relay may have left.
    for (let rows = await window.read(batchMax); !isStopping(); ) {
      const { sent, lastSeq } = await drain(window, rows, confirm);
      if (isStopping()) return;
      await spacing.next();
      rows = lastSeq === undefined ? [] : await window.close(lastSeq, batchMax);
      await rotation.rotateIfDue(sent);
      if (rows.length > 0) continue;
      if (lastSeq !== undefined) await waitForRows(pollMs);
      rows = await awaitWindow(window, checked, rotation);
    }
  };
};

/** Starts a position that belongs to another cluster again, and counts how often that was necessary. */
const createForeignCheck = ({ logger, metrics }: Pick<Host, 'logger' | 'metrics'>) => {
  const restarts = metrics.counter(
    'outbox_position_restarts_total',
    'Times the database was found restored into another cluster',
  );
  return async (window: OutboxWindow): Promise<boolean> => {
    const waiting = await window.restartIfForeign();
    if (waiting === null) return false;
    restarts.inc();
    logger.warn(
      { waiting },
      'the database was restored into another cluster: the outbox starts again with the rows whose sending is not recorded',
    );
    return true;
  };
};

/**
 * Retries the same rows until Kafka acknowledges them. False when the relay was stopped before that. Each retry needs
 * the session: another relay may have sent these rows and newer ones since this one has lost it.
 */
const createDelivery = (
  host: Pick<Host, 'metrics' | 'clock'>,
  { isStopping, send, restAfter }: Surroundings,
): ((rows: readonly OutboxRow[], confirm: RelaySession['confirm']) => Promise<boolean>) => {
  const delay = host.metrics.histogram(
    'outbox_relay_delay_seconds',
    'From append to the acknowledgement by Kafka',
    [],
    [0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  );
  return async (rows, confirm) => {
    for (let failures = 0; !isStopping(); ) {
      if (failures > 0) await confirm();
      try {
        await send(rows.map((row) => toRecord(row, host.clock.nowMs())));
        const nowMs = host.clock.nowMs();
        for (const row of rows) delay.observe(Math.max(0, nowMs - row.appended_ms) / 1000);
        return true;
      } catch (error) {
        failures += 1;
        await restAfter(error, failures);
      }
    }
    return false;
  };
};

/**
 * Kafka refuses a record whose time is an hour or more in the future, as it is after the clock was set back: it would hold
 * all behind it.
 */
const toRecord = (row: OutboxRow, nowMs: number): OutgoingRecord => ({
  topic: row.topic,
  key: row.key,
  value: row.value,
  headers: row.headers,
  timestampMs: Math.min(Math.round(row.appended_ms), nowMs),
});
