import { randomInt } from 'node:crypto';
import type { ClickHouse } from '#platform/clickhouse/client';
import type { Clock } from '#platform/clock';
import type { Logger } from '#platform/service-host';
import { sleep } from '#platform/waiting/sleep';
import { createTimeBudget } from '#platform/waiting/time-budget';
import { topics } from '#schemas/topics';
import { recommendationActions, recommendationColumns } from './recommendation-rows.js';
import {
  isBehind,
  isWithin,
  never,
  rawActions,
  type VisitRows,
  visitColumns,
  visitsOf,
} from './visit-rows.js';

export type VisitBatches = {
  /**
   * What may be used now; undefined while there is none, or so much is missing that raw rows are read faster, or while that
   * cannot be read.
   */
  current(): Promise<VisitRows | undefined>;
  /** Makes batches until less than `rowsMin` rows are in none, and then resolves. Several calls at once are one. */
  extend(): Promise<void>;
};

/** What is in no batch is read raw by each question, so as many rows are a batch. */
const rowsMinAsDefault = 100_000;
const batchRowsMax = 400_000;
/** A batch has at least this part of what is in others, so that there are at most some thousand. */
const batchesAbout = 500;
const missingRowsMax = 600_000;
/** A table that is made anew shows after so long, as in `answers.ts`. */
const servedMsMaxAsDefault = 10_000;
const budget = { share: 0.5, burstMs: 2_000 };
const settings =
  'SETTINGS max_threads = 1, max_insert_threads = 1, os_thread_priority = 19, max_memory_usage = 400000000';
const batchNumberMax = 2 ** 47;

type Batch = { batch: number; after: string; upto: string; rows: number; visits: number; actions: number };
type State = VisitRows & { covered: number; missing: number };

/**
 * Keeps `visit_actions` (see `clickhouse/migrations/0018-visit-actions.sql`) while questions are asked that use it; nothing
 * runs otherwise. Several instances may do so at once: a batch counts once its row in `visit_batches` is written, and of two
 * with the same beginning one counts for all. Where the rows of a batch or of `shopper_activity` are not those that were
 * counted, all are made anew.
 */
export const createVisitBatches = (deps: {
  clickhouse: Pick<ClickHouse, 'query' | 'command' | 'insertRows'>;
  clock: Pick<Clock, 'monotonicMs'>;
  logger: Logger;
  rowsMin?: number;
  /** How long a state serves before the batches are looked at again; 10 s if unset. */
  servedMsMax?: number;
}): VisitBatches => {
  const { clickhouse, clock, logger, rowsMin = rowsMinAsDefault, servedMsMax = servedMsMaxAsDefault } = deps;
  const inTime = createTimeBudget(budget);
  let state: State | undefined;
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  let looking: Promise<State> | undefined;
  let extending: Promise<void> | undefined;

  const look = (): Promise<State> => {
    looking ??= stateOf(clickhouse)
      .then((found) => {
        state = found;
        lookedAtMs = clock.monotonicMs();
        return found;
      })
      .finally(() => {
        looking = undefined;
      });
    return looking;
  };
  const isLarge = ({ missing, covered }: State): boolean =>
    missing >= Math.max(rowsMin, covered / batchesAbout);

  const extend = (): Promise<void> => {
    extending ??= (async () => {
      for (let last = -1, now = await look(); isLarge(now) && now.covered !== last; now = await look()) {
        last = now.covered;
        if (now.batches.length === 0) await forget(clickhouse, servedMsMax);
        await inTime.run(() => makeBatch(clickhouse, now));
      }
    })().finally(() => {
      extending = undefined;
    });
    return extending;
  };

  const warn = (error: unknown): void => logger.warn({ err: error }, 'visits cannot be gathered');

  return {
    extend,
    current: async () => {
      try {
        const isFresh = clock.monotonicMs() - lookedAtMs < servedMsMax;
        const known = state !== undefined && isFresh ? state : await look();
        if (isLarge(known) && extending === undefined) extend().catch(warn);
        return known.batches.length === 0 || known.missing > missingRowsMax ? undefined : known;
      } catch (error) {
        warn(error);
        return undefined;
      }
    },
  };
};

const stateOf = async (clickhouse: Pick<ClickHouse, 'query'>): Promise<State> => {
  const [table] = await clickhouse.query<{ source: string }>(
    "SELECT toString(uuid) AS source FROM system.tables WHERE database = currentDatabase() AND name = 'shopper_activity'",
  );
  const source = table?.source ?? '';
  const made = await clickhouse.query<Batch & { isThere: number }>(
    `SELECT b.batch AS batch, after, upto, rows, visits, actions, visits = v.found AND actions = a.found AS isThere
     FROM visit_batches AS b
     LEFT JOIN (SELECT batch, count() AS found FROM visit_actions WHERE source = {source:UUID} GROUP BY batch) AS v
       ON v.batch = b.batch
     LEFT JOIN (SELECT batch, count() AS found FROM recommendation_actions WHERE source = {source:UUID} GROUP BY batch) AS a
       ON a.batch = b.batch
     WHERE b.source = {source:UUID}`,
    { source },
  );
  const batches = chainOf(made.filter(({ isThere }) => isThere === 1));
  const upto = offsetsOf(batches.at(-1)?.upto ?? '');
  const covered = batches.reduce((sum, { rows }) => sum + rows, 0);
  const [counted] = await clickhouse.query<{ there: number; all: number }>(
    `SELECT (SELECT count() FROM shopper_activity WHERE ${isWithin({ upto })}) AS there,
       (SELECT count() FROM shopper_activity) AS all`,
  );
  const { there = 0, all = 0 } = counted ?? {};
  return there === covered
    ? { source, batches: batches.map(({ batch }) => batch), upto, covered, missing: all - there }
    : { source, batches: [], upto: new Map(), covered: 0, missing: all };
};

/** From no offset on, each after the one before; of two the one with the lesser number. */
const chainOf = (made: readonly Batch[]): Batch[] => {
  const following = new Map<string, Batch>();
  for (const batch of made.toSorted((one, other) => other.batch - one.batch))
    following.set(batch.after, batch);
  const chain: Batch[] = [];
  for (let next = following.get(''); next !== undefined; next = following.get(next.upto)) {
    following.delete(next.after);
    chain.push(next);
  }
  return chain;
};

const offsetsOf = (text: string): Map<number, number> =>
  new Map(
    text
      .split(' ')
      .filter((part) => part !== '')
      .map((part) => part.split(':').map(Number) as [number, number]),
  );

const textOf = (offsets: ReadonlyMap<number, number>): string =>
  [...offsets]
    .sort(([one], [other]) => one - other)
    .map(([partition, offset]) => `${partition}:${offset}`)
    .join(' ');

const makeBatch = async (
  clickhouse: Pick<ClickHouse, 'query' | 'command' | 'insertRows'>,
  state: State,
): Promise<void> => {
  const { source, batches, upto } = state;
  const next = await nextOffsets(clickhouse, upto);
  const isIn = `${isBehind({ upto })} AND ${isWithin({ upto: next })}`;
  if (textOf(next) === textOf(upto)) return;
  const batch = randomInt(1, batchNumberMax);
  const params = { source, batch, batches: [...batches] };
  await clickhouse.command(
    `INSERT INTO visit_actions (source, batch, ${visitColumns})
     SELECT {source:UUID}, {batch:UInt64}, ${visitColumns}
     FROM (${visitsOf(rawActions(isIn))}) ${settings}`,
    params,
  );
  const isRecommended = `${isIn} AND type IN (${recommendationActions.map((type) => `'${type}'`).join(', ')})`;
  await clickhouse.command(
    `INSERT INTO recommendation_actions (source, batch, ${recommendationColumns.map(([name]) => name).join(', ')})
     SELECT {source:UUID}, {batch:UInt64}, ${recommendationColumns.map(([, of]) => of).join(', ')}
     FROM shopper_activity WHERE ${isRecommended} ${settings}`,
    params,
  );
  await clickhouse.command(
    `INSERT INTO recommended_products
     SELECT DISTINCT sipHash64(assumeNotNull(product_id)), assumeNotNull(product_id) FROM shopper_activity
     WHERE ${isRecommended} AND ifNull(product_id, '') != '' ${settings}`,
  );
  await clickhouse.command(
    `INSERT INTO visit_continuations
     SELECT DISTINCT {source:UUID}, {batch:UInt64}, visit_key FROM visit_actions
     WHERE source = {source:UUID} AND batch IN {batches:Array(UInt64)} AND visit_key IN (
       SELECT visit_key FROM visit_actions WHERE source = {source:UUID} AND batch = {batch:UInt64}
     ) ${settings}`,
    params,
  );
  const [made] = await clickhouse.query<Pick<Batch, 'rows' | 'visits' | 'actions'>>(
    `SELECT (SELECT count() FROM shopper_activity WHERE ${isIn}) AS rows,
       (SELECT count() FROM visit_actions WHERE source = {source:UUID} AND batch = {batch:UInt64}) AS visits,
       (SELECT count() FROM recommendation_actions WHERE source = {source:UUID} AND batch = {batch:UInt64}) AS actions`,
    params,
  );
  await clickhouse.insertRows('visit_batches', [
    { source, batch, after: textOf(upto), upto: textOf(next), ...made },
  ]);
};

/** Deletes all batches, the rows once no instance reads them any more. */
const forget = async (
  clickhouse: Pick<ClickHouse, 'query' | 'command'>,
  servedMsMax: number,
): Promise<void> => {
  const [made] = await clickhouse.query<{ rows: number }>('SELECT count() AS rows FROM visit_actions');
  if (made?.rows === 0) return;
  await clickhouse.command('TRUNCATE TABLE visit_batches');
  await sleep(servedMsMax);
  for (const table of ['visit_continuations', 'visit_actions', 'recommendation_actions'])
    await clickhouse.command(`TRUNCATE TABLE ${table}`);
};

/**
 * The greatest offset of each partition that the next batch has. Only the newest block that an ingest has claimed of a
 * partition may be unfinished, so its rows are left for later.
 */
const nextOffsets = async (
  clickhouse: Pick<ClickHouse, 'query'>,
  upto: ReadonlyMap<number, number>,
): Promise<Map<number, number>> => {
  const isClaimedAfter = [...upto].map(
    ([partition, offset]) => `(partition = ${partition} AND first_offset > ${offset})`,
  );
  const claimed = await clickhouse.query<{ partition: number; first: number }>(
    `SELECT partition, max(first_offset) AS first FROM ingest_blocks
     WHERE topic = {topic:String} AND (partition NOT IN {known:Array(UInt16)} OR ${isClaimedAfter.join(' OR ') || 'false'})
     GROUP BY partition`,
    { topic: topics.shopperActivity.topic, known: [...upto.keys()] },
  );
  const partitions = await clickhouse.query<{ partition: number }>(
    `SELECT DISTINCT kafka_partition AS partition FROM shopper_activity ${settings}`,
  );
  const each = Math.ceil(batchRowsMax / Math.max(1, partitions.length));
  const firstOf = new Map(claimed.map(({ partition, first }) => [partition, first]));
  const lasts = partitions.map(({ partition }) => {
    const rowsOf = `FROM shopper_activity WHERE kafka_partition = ${partition}
      AND kafka_offset > ${upto.get(partition) ?? -1} AND kafka_offset < ${firstOf.get(partition) ?? never}`;
    return `SELECT ${partition} AS partition, max(kafka_offset) AS last, count() AS rows
      FROM (SELECT kafka_offset ${rowsOf} ORDER BY kafka_offset LIMIT ${each}) HAVING rows > 0`;
  });
  const found =
    lasts.length === 0
      ? []
      : await clickhouse.query<{ partition: number; last: number }>(
          `${lasts.join(' UNION ALL ')} ${settings}`,
        );
  return new Map([...upto, ...found.map(({ partition, last }) => [partition, last] as const)]);
};
