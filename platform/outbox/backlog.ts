import type { Database } from '#platform/postgres/pool';
import type { DependencyHealth, Host } from '#platform/service-host';

/** The outbox rows that Kafka has not acknowledged, as last measured. */
export type Backlog = {
  start(): void;
  stop(): void;
  /** The relay has trouble: from now on rows are counted every second, until a count finds none. */
  expectRows(): void;
  /** The number of rows, as last measured. */
  unpublished(): number;
  /**
   * `degraded` when the oldest row has waited for longer than the bound, or when no measurement succeeded for that
   * long.
   */
  health(): DependencyHealth;
};

const measureEveryMs = 1_000;
/** While nothing waits, nine services would otherwise ask nine times a second. */
const quietEveryMs = 3_000;

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
 * Counts the unsent rows once a second, or every three where the last count found none, independently of the relay. So
 * the count also shows a relay that hangs, waits for another instance's relay or works from a wrong position.
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
  const everyMs = (wantedMs: number): number => Math.min(wantedMs, silentMsMax / 3);
  let last = { rows: 0, oldestMs: 0, atMs: performance.now() };

  const measure = async (): Promise<void> => {
    if (measuring) return;
    // Half an interval early is on time: timers are not exact.
    if (!isExpected && performance.now() - last.atMs < everyMs(quietEveryMs) - measureEveryMs / 2) return;
    measuring = true;
    try {
      const { rows } = await db.query<{ rows: number; oldest_ms: number }>(
        `SELECT count(*) AS rows,
                coalesce(extract(epoch FROM clock_timestamp() - min(appended_at))::float8 * 1000, 0) AS oldest_ms
         FROM outbox_waiting`,
        [],
      );
      const [{ rows: count, oldest_ms: oldestMs } = { rows: 0, oldest_ms: 0 }] = rows;
      last = { rows: count, oldestMs: Math.max(0, oldestMs), atMs: performance.now() };
      isExpected = count > 0;
      unpublished.set(count);
      oldest.set(last.oldestMs / 1000);
    } catch (error) {
      host.logger.debug({ err: error }, 'the outbox cannot be counted');
    } finally {
      measuring = false;
    }
  };

  return {
    start: () => {
      last = { ...last, atMs: performance.now() };
      timer = setInterval(() => void measure(), everyMs(measureEveryMs));
      void measure();
    },
    stop: () => clearInterval(timer),
    expectRows: () => {
      isExpected = true;
    },
    unpublished: () => last.rows,
    health: () => {
      const unmeasuredMs = performance.now() - last.atMs;
      if (last.oldestMs > silentMsMax)
        return {
          status: 'degraded',
          detail: `${last.rows} rows wait for Kafka, the oldest for ${Math.round(last.oldestMs / 1000)} s`,
        };
      if (unmeasuredMs > silentMsMax)
        return {
          status: 'degraded',
          detail: `the outbox could not be counted for ${Math.round(unmeasuredMs / 1000)} s`,
        };
      return { status: 'up' };
    },
  };
};
