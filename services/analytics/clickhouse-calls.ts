import { type ClickHouse, createClickHouse, type QueryParams } from '#platform/clickhouse/client';
import { type Clock, systemClock } from '#platform/clock';
import { PlatformError } from '#platform/errors';
import { createAdmission } from '#platform/waiting/admission';
import { createTimeBudget } from '#platform/waiting/time-budget';

export type Statement = { sql: string; params?: QueryParams };

export type AskingAtTurn = {
  /** As `query`, of a statement that is made at its turn: one made before may no longer be right after the wait. */
  ask<Row>(statementOf: () => Promise<Statement>): Promise<Row[]>;
};

/** What one statement may cost at most; ClickHouse refuses it, before it reads where that can be foreseen. */
export type CostLimits = {
  rowsReadMax: number;
  resultRowsMax: number;
  memoryBytesMax: number;
  executionSecondsMax: number;
};

/**
 * `runningMax` statements at once, and `waitersMax` more that wait for a place. `niceness` is the operating system's: 19 is a
 * seventieth of what others get of a core that both want. ClickHouse ignores it where it may not set it, and where Linux
 * groups by sessions (autogroup, usual on desktops) it counts beside ClickHouse's own threads only; the embedded ClickHouse
 * lowers its session too. `share` of the time is theirs, all of it if unset, once they have run for `burstMs`.
 */
export type QueryClass = {
  runningMax: number;
  waitersMax: number;
  threadsMax: number;
  niceness: number;
  budget?: { share: number; burstMs: number };
};

/**
 * Questions that read raw rows wait for each other, and for orders that share the cores. One of them runs at a time, on one
 * thread; those who ask all the time get half of that thread, because caches and memory are shared however nice a thread is.
 */
export const rawQueries: QueryClass = {
  runningMax: 1,
  waitersMax: 50,
  threadsMax: 1,
  niceness: 19,
  budget: { share: 0.5, burstMs: 2_000 },
};
/** Statements over rollups take milliseconds. */
export const sumQueries: QueryClass = { runningMax: 2, waitersMax: 2_000, threadsMax: 1, niceness: 0 };

export const costLimits: CostLimits = {
  rowsReadMax: 200_000_000,
  resultRowsMax: 100_000,
  memoryBytesMax: 400_000_000,
  executionSecondsMax: 8,
};

/** How much longer than a statement its answer may take: ClickHouse ends a statement some time after its time is over. */
const answerMs = 2_000;

/**
 * A client for one class of questions, and its questions, each of which may take `timeoutMs`. ClickHouse refuses what takes
 * longer, so that it has ended; who hung up before would not know why, and the statement would run on.
 */
export const openQuestions = (
  { url, timeoutMs }: { url: string; timeoutMs: number },
  queryClass: QueryClass,
): { clickhouse: ClickHouse; questions: ReturnType<typeof withinCost> } => {
  const clickhouse = createClickHouse({
    url,
    requestTimeoutMs: timeoutMs + answerMs,
    connectionsMax: queryClass.runningMax,
  });
  const limits = { ...costLimits, executionSecondsMax: timeoutMs / 1000 };
  return { clickhouse, questions: withinCost(clickhouse, queryClass, limits) };
};

/** As long as the gateway waits for an answer: after that nobody waits for what has not begun. */
const waitedMsMax = 15_000;

/**
 * Asks each statement within the limits. When too many wait it rejects, retriably, so that many slow questions end
 * as soon as they begin. A question that has waited longer than those who asked it is rejected, retriably, at its turn, so
 * that it keeps nobody else waiting.
 */
export const withinCost = (
  clickhouse: Pick<ClickHouse, 'query'>,
  queryClass: QueryClass,
  limits: CostLimits = costLimits,
  clock: Pick<Clock, 'monotonicMs'> = systemClock,
): Pick<ClickHouse, 'query'> & AskingAtTurn => {
  const settings = [
    `max_rows_to_read = ${limits.rowsReadMax}`,
    `max_result_rows = ${limits.resultRowsMax}`,
    "read_overflow_mode = 'throw'",
    "result_overflow_mode = 'throw'",
    `max_memory_usage = ${limits.memoryBytesMax}`,
    // Groups and rows to sort go to the disk before the memory ends.
    `max_bytes_before_external_group_by = ${Math.floor(limits.memoryBytesMax / 2)}`,
    `max_bytes_before_external_sort = ${Math.floor(limits.memoryBytesMax / 2)}`,
    `max_execution_time = ${limits.executionSecondsMax}`,
    `max_threads = ${queryClass.threadsMax}`,
    `os_thread_priority = ${queryClass.niceness}`,
  ].join(', ');
  const bounded = (sql: string): string => `${sql}\n  SETTINGS ${settings}`;
  const admission = createAdmission(queryClass.runningMax);
  const budget = queryClass.budget && createTimeBudget(queryClass.budget);
  const ask: AskingAtTurn['ask'] = async (statementOf) => {
    if (admission.waiting >= queryClass.waitersMax) throw tooBusy('too many questions wait for ClickHouse');
    const arrivedAtMs = clock.monotonicMs();
    const assertAwaited = (): void => {
      const waitedMs = clock.monotonicMs() - arrivedAtMs;
      if (waitedMs > waitedMsMax) throw tooBusy(`a question waited ${Math.round(waitedMs)} ms for its turn`);
    };
    const askNow = async () => {
      const { sql, params } = await statementOf();
      return await clickhouse.query<never>(bounded(sql), params);
    };
    return admission
      .run(async () => {
        assertAwaited();
        if (budget === undefined) return await askNow();
        return await budget.run(async () => {
          // The time that the questions before it have overdrawn has passed too.
          assertAwaited();
          return await askNow();
        });
      })
      .catch((error: unknown) => {
        throw isOverItsOwnLimit(error)
          ? new PlatformError('clickhouse_limit', error.message, { retriable: false, cause: error })
          : error;
      });
  };
  return {
    ask,
    query: (sql, params) => ask(async () => ({ sql, ...(params === undefined ? {} : { params }) })),
  };
};

const tooBusy = (why: string): PlatformError =>
  new PlatformError('clickhouse_unavailable', why, { retriable: true });

/** A statement that took its whole time or memory would do so again; what others took may be free the next time. */
const isOverItsOwnLimit = (error: unknown): error is PlatformError =>
  error instanceof PlatformError &&
  /Timeout exceeded: elapsed|Query memory limit exceeded/.test(error.message);
