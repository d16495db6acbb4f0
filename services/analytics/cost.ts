import type { ClickHouse } from '#platform/clickhouse/client';

/** What one statement may cost at most; ClickHouse refuses it, before it reads where that can be foreseen. */
export type CostLimits = {
  rowsReadMax: number;
  resultRowsMax: number;
  memoryBytesMax: number;
  executionSecondsMax: number;
  threadsMax: number;
};

export const costLimits: CostLimits = {
  rowsReadMax: 200_000_000,
  resultRowsMax: 100_000,
  memoryBytesMax: 1_000_000_000,
  executionSecondsMax: 8,
  threadsMax: 2,
};

/** Asks each statement within the limits. */
export const withinCost = (
  clickhouse: Pick<ClickHouse, 'query'>,
  limits: CostLimits = costLimits,
): Pick<ClickHouse, 'query'> => {
  const settings = [
    `max_rows_to_read = ${limits.rowsReadMax}`,
    `max_result_rows = ${limits.resultRowsMax}`,
    "read_overflow_mode = 'throw'",
    "result_overflow_mode = 'throw'",
    `max_memory_usage = ${limits.memoryBytesMax}`,
    `max_execution_time = ${limits.executionSecondsMax}`,
    `max_threads = ${limits.threadsMax}`,
  ].join(', ');
  return { query: (sql, params) => clickhouse.query(`${sql}\n  SETTINGS ${settings}`, params) };
};
