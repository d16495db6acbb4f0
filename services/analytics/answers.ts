import { createBoundedMap } from '#platform/bounded-map';
import type { ClickHouse } from '#platform/clickhouse/client';
import type { Clock } from '#platform/clock';
import type { CompletenessGauge, Reading } from './completeness.js';
import type { Query } from './revenue.js';

export type Answer<Row> = { rows: readonly Row[]; reading: Reading };

export type Answers = {
  /** The rows of a query and how complete they are. Rejects as ClickHouse does. */
  of<Row>(query: Query): Promise<Answer<Row>>;
  reading(): Promise<Reading>;
};

/** Changes that are not ingested sales (a corrected name, a table that is made anew) show after this at the latest. */
const ageMsMax = 1_000;
const rowsKeptMax = 100_000;
/** What an answer without rows counts for. */
const rowsOfAnAnswer = 10;

type Kept = { version: string; atMs: number; rows: Promise<readonly unknown[]> };

/**
 * Asks ClickHouse once for each question and version of the data, also for many who ask at once. The completeness is
 * read before, so that the rows contain at least what it promises.
 */
export const createAnswers = (deps: {
  clickhouse: Pick<ClickHouse, 'query'>;
  completeness: Pick<CompletenessGauge, 'read'>;
  clock: Pick<Clock, 'monotonicMs'>;
}): Answers => {
  const { clickhouse, completeness, clock } = deps;
  const kept = createBoundedMap<Kept>(rowsKeptMax);

  const ask = (key: string, { sql, params }: Query, version: string): Promise<readonly unknown[]> => {
    const rows = clickhouse.query<unknown>(sql, params);
    const answer: Kept = { version, atMs: clock.monotonicMs(), rows };
    kept.set(key, answer, rowsOfAnAnswer);
    rows.then(
      ({ length }) => {
        if (kept.get(key) === answer) kept.set(key, answer, rowsOfAnAnswer + length);
      },
      () => {
        if (kept.get(key) === answer) kept.delete(key);
      },
    );
    return rows;
  };

  return {
    reading: () => completeness.read(),
    of: async <Row>(query: Query) => {
      const reading = await completeness.read();
      const key = JSON.stringify([query.sql, query.params]);
      const known = kept.get(key);
      const isFresh = known?.version === reading.version && clock.monotonicMs() - known.atMs < ageMsMax;
      const rows = await (isFresh ? known.rows : ask(key, query, reading.version));
      return { rows: rows as readonly Row[], reading };
    },
  };
};
