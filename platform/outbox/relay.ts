import pg from 'pg';
import type { OutgoingRecord, Producer, RecordHeaders } from '#platform/messaging/broker';
import { type Database, toFault } from '#platform/postgres/pool';
import type { Component, Host } from '#platform/service-host';

/**
 * Carries outbox rows to Kafka: every committed row, at least once, those of one key in the order in which
 * they were appended.
 *
 * A cursor over `seq`, or over transaction ids, would lose or reorder rows: both are handed out before the
 * transaction commits, so they do not say in which order rows become visible. The position is therefore a
 * database snapshot: published is what was visible to snapshot `done`. The next window is what became visible
 * between `done` and a newer snapshot `target`, and it is sent in `seq` order. Transactions that write about the
 * same thing wait for each other's locks, so of one key every snapshot sees a prefix in `seq` order, and the
 * windows one after the other are the whole in order. A transaction that stays open delays only its own rows.
 *
 * The window is stored before its first row is sent, so a relay that dies sends the same rows in the same
 * order again: see `relayBatchMax`.
 *
 * One relay a database works at a time, by an advisory lock of the connection it works on: a relay that loses
 * the connection can neither read on nor move the position.
 */
export type OutboxRelay = Component & {
  /** Looks for rows now. */
  wake(): void;
};

/**
 * Most rows between acknowledgements, and so how far apart, in the relay's order, a row and its duplicate can
 * be: duplicates arise only when a relay dies after Kafka has a batch and before that is stored, and then that
 * batch is sent again first. (With several instances of a service, one that loses its database while its send
 * hangs may deliver that one batch late; the send is bounded by the producer's 10 s.)
 */
export const relayBatchMax = 500;

export type RelayOptions = {
  /** `relayBatchMax` if unset. */
  batchMax?: number;
  /** Fallback for a lost notification. 250 if unset. */
  pollMs?: number;
  /** The active table is changed for the other when it has had this many rows. 10,000 if unset. */
  rotateRowsMin?: number;
};

const retryMsMin = 100;
const retryMsMax = 2_000;
const leaderPollMs = 1_000;
const countEveryMs = 1_000;
const lockKey = 8_042_963;
const lockTimeout = '55P03';

type Row = {
  seq: string;
  topic: string;
  key: string;
  value: Buffer | null;
  headers: RecordHeaders;
  appended_ms: number;
};

export const createOutboxRelay = (
  host: Pick<Host, 'service' | 'logger' | 'metrics' | 'clock'>,
  db: Pick<Database, 'pool'>,
  producer: Pick<Producer, 'send'>,
  options: RelayOptions = {},
): OutboxRelay => {
  const batchMax = options.batchMax ?? relayBatchMax;
  const pollMs = options.pollMs ?? 250;
  const rotateRowsMin = options.rotateRowsMin ?? 10_000;
  const unpublished = host.metrics.gauge('outbox_unpublished', 'Outbox rows that Kafka does not have yet');
  const delay = host.metrics.histogram(
    'outbox_relay_delay_seconds',
    'From append to the acknowledgement by Kafka',
    [],
    [0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  );
  const bell = createBell();
  const ending = createBell();
  let stopping = false;
  let finished: Promise<void> = Promise.resolve();
  let trouble: string | undefined;
  let countedAt = Number.NEGATIVE_INFINITY;

  const run = async (): Promise<void> => {
    for (let failures = 0; !stopping; ) {
      let session: RelaySession | undefined;
      try {
        session = await openSession(host.service, db.pool, bell.ring);
        while (!stopping && !(await session.tryLead())) await ending.wait(leaderPollMs);
        failures = 0;
        trouble = undefined;
        await lead(session);
      } catch (error) {
        failures += 1;
        await restAfter(error, failures);
      } finally {
        await session?.close();
      }
    }
  };

  const restAfter = async (error: unknown, failures: number): Promise<void> => {
    trouble = (error as Error).message;
    host.logger[failures === 1 ? 'warn' : 'debug']({ err: error, failures }, 'outbox relay interrupted');
    await ending.wait(Math.min(retryMsMin * 2 ** (failures - 1), retryMsMax));
  };

  const lead = async (session: RelaySession): Promise<void> => {
    let sentSinceRotation = await session.countRows();
    // First what the last relay may have left of its window.
    while (!stopping) {
      const sent = await drain(session);
      if (stopping) return;
      if (sent > 0) {
        await session.closeWindow();
        await countNowAndThen(session);
        sentSinceRotation += sent;
        if (sentSinceRotation >= rotateRowsMin && (await session.rotate())) sentSinceRotation = 0;
        continue;
      }
      while (!stopping && !(await session.openWindow())) {
        await countNowAndThen(session);
        await bell.wait(pollMs);
      }
    }
  };

  /** Sends the open window to its end, or until the relay stops. */
  const drain = async (session: RelaySession): Promise<number> => {
    for (let sent = 0; ; ) {
      const rows = await session.read(batchMax);
      const last = rows.at(-1);
      if (last === undefined || !(await deliver(session, rows))) return sent;
      sent += rows.length;
      if (rows.length < batchMax && !stopping) return sent;
      await session.savePosition(last.seq);
      if (stopping) return sent;
    }
  };

  /** Keeps trying the very same rows; false when it was told to stop before Kafka had them. */
  const deliver = async (session: RelaySession, rows: readonly Row[]): Promise<boolean> => {
    const records = rows.map(toRecord);
    for (let failures = 0; !stopping; ) {
      try {
        await producer.send(records);
        trouble = undefined;
        const nowMs = host.clock.nowMs();
        for (const row of rows) delay.observe(Math.max(0, nowMs - row.appended_ms) / 1000);
        return true;
      } catch (error) {
        failures += 1;
        await countNowAndThen(session);
        await restAfter(error, failures);
      }
    }
    return false;
  };

  const countNowAndThen = async (session: RelaySession): Promise<void> => {
    if (performance.now() - countedAt < countEveryMs) return;
    unpublished.set(await session.countUnpublished());
    countedAt = performance.now();
  };

  return {
    name: 'outbox-relay',
    wake: bell.ring,
    start: async () => {
      finished = run();
    },
    stop: async () => {
      stopping = true;
      ending.ring();
      bell.ring();
      await finished;
    },
    checkHealth: async () =>
      trouble === undefined ? { status: 'up' } : { status: 'degraded', detail: trouble },
  };
};

const toRecord = (row: Row): OutgoingRecord => ({
  topic: row.topic,
  key: row.key,
  value: row.value,
  headers: row.headers,
  timestampMs: Math.round(row.appended_ms),
});

/**
 * `seq` begins right before the window's first row, so that reading it starts there; behind all rows when it is
 * empty. (`+ 0` keeps the planner from looking for the least `seq` along its index, through all that is done.)
 */
const nextWindow = `
  UPDATE outbox_position p SET done = target, target = pg_current_snapshot(), seq = coalesce(
    (SELECT min(o.seq + 0) - 1 FROM outbox o
     WHERE o.xid >= pg_snapshot_xmin(p.target) AND NOT pg_visible_in_snapshot(o.xid, p.target)),
    9223372036854775807)`;

type RelaySession = Awaited<ReturnType<typeof openSession>>;

/** The relay's own connection: its lock, its notifications and every statement of it live and die together. */
const openSession = async (service: string, pool: pg.Pool, onAppended: () => void) => {
  const client = new pg.Client({
    ...pool.options,
    application_name: `${service} outbox relay`,
    idle_in_transaction_session_timeout: 10_000,
  });
  // Without a listener a broken connection would end the process; the next statement fails anyway.
  client.on('error', onAppended);
  client.on('notification', onAppended);
  const query = async <R extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<R[]> => {
    try {
      return (await client.query<R>(text, values)).rows;
    } catch (error) {
      throw toFault(error);
    }
  };
  try {
    await client.connect();
    // The tables grow and shrink faster than statistics follow: always by the index.
    await client.query('SET enable_seqscan = off');
  } catch (error) {
    throw toFault(error);
  }

  return {
    tryLead: async (): Promise<boolean> => {
      const [row] = await query<{ leads: boolean }>('SELECT pg_try_advisory_lock($1) AS leads', [lockKey]);
      if (row?.leads !== true) return false;
      await query('LISTEN outbox');
      return true;
    },
    /** Opens the next window when there is anything new; only for one that is empty or all in Kafka. */
    openWindow: async (): Promise<boolean> => {
      const rows = await query(
        `${nextWindow} WHERE EXISTS (SELECT FROM outbox o WHERE o.xid >= pg_snapshot_xmin(p.target)
                                     AND NOT pg_visible_in_snapshot(o.xid, p.target)) RETURNING 1`,
      );
      return rows.length > 0;
    },
    /** All of the window is in Kafka: the next one reaches up to now. */
    closeWindow: async (): Promise<void> => {
      await query(nextWindow);
    },
    read: (rowsMax: number): Promise<Row[]> =>
      query<Row>(
        `SELECT o.seq::text, o.topic, o.key, o.value, o.headers,
                extract(epoch FROM o.appended_at)::float8 * 1000 AS appended_ms
         FROM outbox o, outbox_position p
         WHERE o.seq > p.seq AND o.xid >= pg_snapshot_xmin(p.done)
           AND NOT pg_visible_in_snapshot(o.xid, p.done) AND pg_visible_in_snapshot(o.xid, p.target)
         ORDER BY o.seq LIMIT $1`,
        [rowsMax],
      ),
    savePosition: async (seq: string): Promise<void> => {
      await query('UPDATE outbox_position SET seq = $1', [seq]);
    },
    countRows: async (): Promise<number> => {
      const [row] = await query<{ rows: number }>('SELECT count(*)::int AS rows FROM outbox');
      return row?.rows ?? 0;
    },
    countUnpublished: async (): Promise<number> => {
      const [row] = await query<{ rows: number }>('SELECT outbox_unpublished()::int AS rows');
      return row?.rows ?? 0;
    },
    /**
     * Empties the inactive table and makes it the active one. False when that must wait: an append that began
     * before the last change may still be on its way into the inactive table, which is looked at again under a
     * lock that excludes it.
     */
    rotate: async (): Promise<boolean> => {
      try {
        await query("BEGIN; SET LOCAL lock_timeout = '100ms'");
        const [active] = await query<{ name: string }>('SELECT name FROM outbox_active');
        const idle = active?.name === 'a' ? 'b' : 'a';
        await query(`LOCK TABLE outbox_${idle} IN ACCESS EXCLUSIVE MODE`);
        const left = await query(
          `SELECT FROM outbox_${idle} o, outbox_position p WHERE NOT pg_visible_in_snapshot(o.xid, p.done) LIMIT 1`,
        );
        if (left.length > 0) {
          await query('ROLLBACK');
          return false;
        }
        await query(`TRUNCATE outbox_${idle}`);
        await query('UPDATE outbox_active SET name = $1', [idle]);
        await query('COMMIT');
        return true;
      } catch (error) {
        await query('ROLLBACK');
        if ((error as { cause?: { code?: string } }).cause?.code === lockTimeout) return false;
        throw error;
      }
    },
    close: async (): Promise<void> => {
      client.removeAllListeners('notification');
      await client.end().catch(() => {});
    },
  };
};

/** One ring while nobody waits is kept for the next wait. */
const createBell = () => {
  let rung = false;
  let answer: (() => void) | undefined;
  return {
    ring: (): void => {
      rung = true;
      answer?.();
    },
    wait: async (timeoutMs: number): Promise<void> => {
      if (!rung)
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, timeoutMs);
          answer = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      rung = false;
      answer = undefined;
    },
  };
};
