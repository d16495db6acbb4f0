import type { ClickHouse } from '#platform/clickhouse/client';
import { PlatformError } from '#platform/errors';
import { createAdmission } from '#platform/waiting/admission';

/** What one statement may cost at most; ClickHouse refuses it, before it reads where that can be foreseen. */
export type CostLimits = {
  rowsReadMax: number;
  resultRowsMax: number;
  memoryBytesMax: number;
  executionSecondsMax: number;
  threadsMax: number;
};

/**
 * `runningMax` statements at once, and `waitersMax` more that wait for a place. `niceness` is the operating system's: 10 is a
 * ninth of what others get of a core that both want. ClickHouse ignores it where it may not set it.
 */
export type Crowd = { runningMax: number; waitersMax: number; niceness?: number };

/** Questions that read raw rows wait for each other, and for orders that share the cores. */
export const slowCrowd: Crowd = { runningMax: 2, waitersMax: 50, niceness: 10 };
/** Statements over rollups take milliseconds. */
export const fastCrowd: Crowd = { runningMax: 4, waitersMax: 2_000 };

export const costLimits: CostLimits = {
  rowsReadMax: 200_000_000,
  resultRowsMax: 100_000,
  memoryBytesMax: 400_000_000,
  executionSecondsMax: 8,
  threadsMax: 2,
};

/**
 * Asks each statement within the limits. When too many wait it rejects, retriably, so that a crowd of slow questions ends
 * as soon as it begins.
 */
export const withinCost = (
  clickhouse: Pick<ClickHouse, 'query'>,
  crowd: Crowd,
  limits: CostLimits = costLimits,
): Pick<ClickHouse, 'query'> => {
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
    `max_threads = ${limits.threadsMax}`,
    ...(crowd.niceness === undefined ? [] : [`os_thread_priority = ${crowd.niceness}`]),
  ].join(', ');
  const admission = createAdmission(crowd.runningMax);
  return {
    query: async (sql, params) => {
      if (admission.waiting >= crowd.waitersMax)
        throw new PlatformError('clickhouse_unavailable', 'too many questions wait for ClickHouse', {
          retriable: true,
        });
      return admission
        .run(() => clickhouse.query<never>(`${sql}\n  SETTINGS ${settings}`, params))
        .catch((error: unknown) => {
          throw isOverItsOwnLimit(error)
            ? new PlatformError('clickhouse_limit', error.message, { retriable: false, cause: error })
            : error;
        });
    },
  };
};

/** A statement that took its whole time or memory would do so again; what others took may be free the next time. */
const isOverItsOwnLimit = (error: unknown): error is PlatformError =>
  error instanceof PlatformError &&
  /Timeout exceeded: elapsed|Query memory limit exceeded/.test(error.message);
