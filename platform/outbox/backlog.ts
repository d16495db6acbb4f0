import type { Database } from '#platform/postgres/pool';
import type { DependencyHealth, Host } from '#platform/service-host';

/** The outbox rows that Kafka has not acknowledged, as last measured. */
export type Backlog = {
  start(): void;
  stop(): void;
  /** The relay has trouble: from now on rows are counted every second, until a count finds none. */
  expectRows(): void;
  /** Rows were appended: they are counted soon. */
  noteAppended(): void;
  /** Whether each append is noted from now on. Where it is, rows are seldom counted while there are none. */
  notesAppends(does: boolean): void;
  /** The number of rows, as last measured. */
  unpublished(): number;
  /**
   * `degraded` when the oldest row has waited for longer than the bound, or when no measurement succeeded for that
   * long.
   */
  health(): DependencyHealth;
};

const measureEveryMs = 1_000;
/** While nothing waits, each service would otherwise ask once a second. */
const quietEveryMs = 3_000;
/** While nothing waits and nothing was appended. */
const restEveryMs = 30_000;

/** Whether there is a row that Kafka has not acknowledged although it was appended `sinceMs` ago or earlier. */
export const isUnsent = async (db: Pick<Database, 'query'>, sinceMs: number): Promise<boolean> => {
  const { rows } = await db.query<{ isUnsent: boolean }>(
    `SELECT EXISTS (SELECT FROM outbox_waiting
                    WHERE appended_at <= clock_timestamp() - make_interval(secs => $1)) AS "isUnsent"`,
    [sinceMs / 1000],
  );
  return rows[0]?.isUnsent === true;
};

/**
 * Counts the unsent rows once a second, every three where the last count found none, and every thirty where nothing was
 * appended since. It counts independently of the relay, so it also shows one that hangs, waits for another instance's
 * relay or works from a wrong position.
 */
export const watchBacklog = (
  host: Pick<Host, 'logger' | 'metrics'>,
  db: Pick<Database, 'query'>,
  silentMsMax: number,
): Backlog => {
  const unpublished = host.metrics.gauge('outbox_unpublished', 'Outbox rows not yet acknowledged by Kafka');
  const oldest = host.metrics.gauge(
    'outbox_oldest_unpublished_seconds',
    'How long the oldest outbox row has waited for Kafka; 0 without one',
  );
  let timer: NodeJS.Timeout | undefined;
  let measuring = false;
  let isExpected = true;
  let isAppended = false;
  let isNoted = false;
  /** When the first measurement began of those that have not succeeded. */
  let unmeasuredSinceMs: number | undefined;
  const everyMs = (wantedMs: number): number => Math.min(wantedMs, silentMsMax / 3);
  const restMs = (): number => (isNoted && !isAppended ? restEveryMs : everyMs(quietEveryMs));
  let last = { rows: 0, oldestMs: 0, atMs: performance.now() };

  const measure = async (): Promise<void> => {
    if (measuring) return;
    // Half an interval early is on time: timers are not exact.
    if (!isExpected && performance.now() - last.atMs < restMs() - measureEveryMs / 2) return;
    measuring = true;
    unmeasuredSinceMs ??= performance.now();
    isAppended = false;
    try {
      last = { ...(await countUnsent(db)), atMs: performance.now() };
      isExpected = last.rows > 0;
      unmeasuredSinceMs = undefined;
      unpublished.set(last.rows);
      oldest.set(last.oldestMs / 1000);
    } catch (error) {
      isExpected = true;
      host.logger.debug({ err: error }, 'the outbox cannot be counted');
    } finally {
      measuring = false;
    }
  };

  return {
    start: () => {
      timer = setInterval(() => void measure(), everyMs(measureEveryMs));
      void measure();
    },
    stop: () => clearInterval(timer),
    expectRows: () => {
      isExpected = true;
    },
    noteAppended: () => {
      isAppended = true;
    },
    notesAppends: (does) => {
      isNoted = does;
      // Whatever was appended since the last count and before the notices began.
      isAppended = true;
    },
    unpublished: () => last.rows,
    health: () => {
      const nowMs = performance.now();
      return healthOf(last, nowMs - (unmeasuredSinceMs ?? nowMs), silentMsMax);
    },
  };
};

type Unsent = { rows: number; oldestMs: number };

const countUnsent = async (db: Pick<Database, 'query'>): Promise<Unsent> => {
  const { rows } = await db.query<{ rows: number; oldest_ms: number }>(
    `SELECT count(*) AS rows,
            coalesce(extract(epoch FROM clock_timestamp() - min(appended_at))::float8 * 1000, 0) AS oldest_ms
     FROM outbox_waiting`,
    [],
  );
  const [{ rows: count, oldest_ms: oldestMs } = { rows: 0, oldest_ms: 0 }] = rows;
  return { rows: count, oldestMs: Math.max(0, oldestMs) };
};

const healthOf = (
  { rows, oldestMs }: Unsent,
  unmeasuredMs: number,
  silentMsMax: number,
): DependencyHealth => {
  if (oldestMs > silentMsMax)
    return {
      status: 'degraded',
      detail: `${rows} rows wait for Kafka, the oldest for ${Math.round(oldestMs / 1000)} s`,
    };
  if (unmeasuredMs > silentMsMax)
    return {
      status: 'degraded',
      detail: `the outbox could not be counted for ${Math.round(unmeasuredMs / 1000)} s`,
    };
  return { status: 'up' };
};
