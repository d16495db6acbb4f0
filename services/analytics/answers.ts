import { createBoundedMap } from '#platform/bounded-map';
import type { Clock } from '#platform/clock';
import type { AskingAtTurn, Statement } from './clickhouse-calls.js';
import type { CompletenessGauge } from './completeness.js';
import type { Batches, GatheredKind } from './gathered-rows.js';
import type { Query } from './question.js';
import type { Reading } from './reading.js';

export type Answer<Row> = { rows: readonly Row[]; reading: Reading };

/** The rows of each of several queries. */
export type JointAnswer = { found: readonly (readonly unknown[])[]; reading: Reading };

export type Answers = {
  /** The rows of a query and how complete they are. Rejects as ClickHouse does. */
  of<Row>(query: Query): Promise<Answer<Row>>;
  /**
   * Of queries whose rows are read together: they are made, served and renewed as one, so that no number is divided by one
   * from before it. Those of one kind are asked in their order.
   */
  ofAll(queries: readonly Query[]): Promise<JointAnswer>;
  reading(): Promise<Reading>;
};

/**
 * A change that is no ingested event (a corrected name, a table that is made anew) gives the data no new version. From the
 * first age on an answer is made again while the old one serves; from the second on nobody is served the old one.
 */
const ageMsMax = 1_000;
export const servedMsMax = 10_000;
const rowsKeptMax = 60_000;
/** What an answer without rows counts for, and the characters of its question that count for a row. */
const rowsOfAnAnswer = 10;
const keyCharsPerRow = 100;

/** An answer serves for so many times as long as it took to make, so that one question costs a part of ClickHouse only. */
const heldPerMsOfMaking = 2;
const heldMsMax = 2_000;

type Kept = {
  reading: Reading;
  atMs: number;
  heldMs: number;
  /** Of each query. */
  rows: Promise<readonly (readonly unknown[])[]>;
  /** True when its rows are there. */
  isMade?: boolean;
  /** True while its successor is made. */
  isRenewed?: boolean;
};

// Over seventy lines: one cache, whose answers are made, served and renewed by one state.
/**
 * Asks ClickHouse once for each question and version of the data, also for many who ask at once. The completeness is
 * read before, so that the rows contain at least what it promises. Where the data changes all the time, a slow answer
 * serves a while longer, with the completeness that it has.
 */
export const createAnswers = (deps: {
  clickhouse: AskingAtTurn;
  /** For questions that read sums; as the others if unset. */
  quick?: AskingAtTurn;
  completeness: Pick<CompletenessGauge, 'read'>;
  clock: Pick<Clock, 'monotonicMs'>;
  /** All rows are read raw if unset. */
  gathered?: Record<GatheredKind, { current(): Promise<Batches | undefined> }>;
}): Answers => {
  const { clickhouse, quick = clickhouse, completeness, clock, gathered } = deps;
  const kept = createBoundedMap<Kept>(rowsKeptMax);

  const statementOf = async (query: Query): Promise<Statement> => {
    if (gathered === undefined || query.gathered === undefined) return query;
    const { reads, of } = query.gathered;
    const made = await Promise.all(reads.map(async (kind) => [kind, await gathered[kind].current()]));
    return of(Object.fromEntries(made)) ?? query;
  };

  const rowsOf = async (query: Query): Promise<readonly unknown[]> => {
    // What there is gathered may have to be looked at, which others need not wait for: at its turn it is then known.
    await statementOf(query);
    return await (query.isQuick ? quick : clickhouse).ask(() => statementOf(query));
  };

  const making = (queries: readonly Query[], reading: Reading): Kept => ({
    reading,
    atMs: clock.monotonicMs(),
    heldMs: Number.POSITIVE_INFINITY,
    rows: Promise.all(queries.map(rowsOf)),
  });

  const made = (answer: Kept): void => {
    answer.isMade = true;
    answer.heldMs = Math.min(heldMsMax, heldPerMsOfMaking * (clock.monotonicMs() - answer.atMs));
  };

  const ask = (key: string, queries: readonly Query[], reading: Reading): Kept => {
    const answer = making(queries, reading);
    kept.set(key, answer, sizeOf(key));
    answer.rows.then(
      (found) => {
        made(answer);
        if (kept.get(key) === answer) kept.set(key, answer, sizeOf(key) + rowsIn(found));
      },
      () => {
        if (kept.get(key) === answer) kept.delete(key);
      },
    );
    return answer;
  };

  /** Those who ask meanwhile are served the old one. */
  const renew = (key: string, old: Kept, queries: readonly Query[], reading: Reading): void => {
    old.isRenewed = true;
    const answer = making(queries, reading);
    answer.rows.then(
      (found) => {
        made(answer);
        if (kept.get(key) === old) kept.set(key, answer, sizeOf(key) + rowsIn(found));
      },
      () => {
        old.isRenewed = false;
      },
    );
  };

  const ofAll = async (queries: readonly Query[]): Promise<JointAnswer> => {
    const reading = await completeness.read();
    const key = JSON.stringify(queries.map(({ sql, params }) => [sql, params]));
    const known = kept.get(key);
    const ageMs = clock.monotonicMs() - (known?.atMs ?? 0);
    if (known?.reading.version === reading.version && ageMs < servedMsMax) {
      if (ageMs >= ageMsMax && known.isMade && !known.isRenewed) renew(key, known, queries, reading);
      return { found: await known.rows, reading };
    }
    const answer = known !== undefined && isHeld(known, ageMs) ? known : ask(key, queries, reading);
    const found = await answer.rows;
    const lagMs = answer.reading.lagMs + clock.monotonicMs() - answer.atMs;
    return { found, reading: { ...answer.reading, lagMs } };
  };

  return {
    reading: () => completeness.read(),
    ofAll,
    of: async <Row>(query: Query) => {
      const { found, reading } = await ofAll([query]);
      return { rows: (found[0] ?? []) as readonly Row[], reading };
    },
  };
};

const rowsIn = (found: readonly (readonly unknown[])[]): number =>
  found.reduce((sum, { length }) => sum + length, 0);

const sizeOf = (key: string): number => rowsOfAnAnswer + Math.ceil(key.length / keyCharsPerRow);

/** True while the answer, counted from when it was asked for, may be served again although the data have changed. */
const isHeld = ({ heldMs }: Kept, ageMs: number): boolean => ageMs <= heldMs && heldMs > 0;
