import { randomInt } from 'node:crypto';
import { type ClickHouse, createClickHouse } from '#platform/clickhouse/client';
import type { Clock } from '#platform/clock';
import type { Logger } from '#platform/service-host';
import { sleep } from '#platform/waiting/sleep';
import { createTimeBudget, type TimeBudget } from '#platform/waiting/time-budget';
import { servedMsMax as servedMsMaxAsDefault } from './answers.js';
import { type Batches, type GatheredKind, type GatheredTables, isBehind, isWithin } from './gathered-rows.js';
import { orderTables } from './order-rows.js';
import { visitTables } from './visit-tables.js';

export type GatheredRowsStore = {
  /**
   * What may be used now. Undefined while there is nothing, while so much is missing that raw rows are read faster, and
   * while it cannot be found out.
   */
  current(): Promise<Batches | undefined>;
  /** Makes batches until less than `batchRowsMin` rows are in none, and then resolves. Several calls at once are one. */
  extend(): Promise<void>;
};

const batchRowsMax = 400_000;
/** Rows are made a batch once they are this part of those that are in others, so that there are at most some thousand. */
const batchesAbout = 500;
/** Where so many of the least batches are missing, raw rows are read. */
const missingBatchesMax = 6;
const budget = { share: 0.5, burstMs: 2_000 };
const settings =
  'SETTINGS max_threads = 1, max_insert_threads = 1, os_thread_priority = 19, max_memory_usage = 400000000';
const batchNumberMax = 2 ** 47;
const never = '18446744073709551615';

type Batch = { batch: number; after: string; upto: string; rows: number };
type State = Batches & { covered: number; missing: number };

/** Given up earlier, a batch on a busy machine would never be whole, and its rows would stay with those of the next tries. */
const makingMsMax = 120_000;

/** A question looks at the batches before it is asked, so it may not wait for the one that is made. */
export const openGathering = ({ url, timeoutMs }: { url: string; timeoutMs: number }) => {
  const making = createClickHouse({ url, requestTimeoutMs: makingMsMax, connectionsMax: 1 });
  const looking = createClickHouse({ url, requestTimeoutMs: timeoutMs, connectionsMax: 1 });
  const { query, insertRows } = looking;
  return { clickhouse: { query, insertRows, command: making.command }, components: [making, looking] };
};

type GatheredRowsDeps = {
  clickhouse: Pick<ClickHouse, 'query' | 'command' | 'insertRows'>;
  clock: Pick<Clock, 'monotonicMs'>;
  logger: Logger;
  /** Instead of that of each kind. */
  rowsMin?: number;
  /** How long a state serves before the batches are looked at again; 10 s if unset. */
  servedMsMax?: number;
};

/** Visits and orders, which together take half of the time of one thread. */
export const createGatheredRows = (deps: GatheredRowsDeps): Record<GatheredKind, GatheredRowsStore> => {
  const inTime = createTimeBudget(budget);
  return {
    visits: createKind(deps, visitTables, inTime),
    orders: createKind(deps, orderTables, inTime),
  };
};

/**
 * Keeps the tables of one kind while questions are asked that use them; nothing runs otherwise. Several instances may do so at
 * once: a batch counts once its row in `tables.batches` is written, and of two with the same beginning one counts for all.
 * Where the rows of a batch or the raw rows are not those that were counted, all are made anew.
 */
const createKind = (
  deps: GatheredRowsDeps,
  tables: GatheredTables,
  inTime: TimeBudget,
): GatheredRowsStore => {
  const { clickhouse, clock, logger, rowsMin = tables.rowsMin, servedMsMax = servedMsMaxAsDefault } = deps;
  let state: State | undefined;
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  let looking: Promise<State> | undefined;
  let extending: Promise<void> | undefined;

  const look = (): Promise<State> => {
    looking ??= stateOf(clickhouse, tables)
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
  /** How many rows have to be in no batch before one is made: until then each question reads them raw. */
  const batchRowsMin = ({ covered }: State): number => Math.max(rowsMin, covered / batchesAbout);
  const isLarge = (state: State): boolean => state.missing >= batchRowsMin(state);
  const areTooManyMissing = (state: State): boolean =>
    state.missing > missingBatchesMax * batchRowsMin(state);

  const extend = (): Promise<void> => {
    extending ??= (async () => {
      for (let last = -1, now = await look(); isLarge(now) && now.covered !== last; now = await look()) {
        last = now.covered;
        if (now.batches.length === 0) await forget(clickhouse, tables, servedMsMax);
        await inTime.run(() => makeBatch(clickhouse, tables, now));
      }
    })().finally(() => {
      extending = undefined;
    });
    return extending;
  };

  const warn = (error: unknown): void =>
    logger.warn({ err: error, table: tables.raw }, 'rows cannot be gathered');

  return {
    extend,
    current: async () => {
      try {
        const isFresh = clock.monotonicMs() - lookedAtMs < servedMsMax;
        const known = state !== undefined && isFresh ? state : await look();
        if (isLarge(known) && extending === undefined) extend().catch(warn);
        return known.batches.length === 0 || areTooManyMissing(known) ? undefined : known;
      } catch (error) {
        warn(error);
        return undefined;
      }
    },
  };
};

const stateOf = async (clickhouse: Pick<ClickHouse, 'query'>, tables: GatheredTables): Promise<State> => {
  const [table] = await clickhouse.query<{ source: string }>(
    'SELECT toString(uuid) AS source FROM system.tables WHERE database = currentDatabase() AND name = {raw:String}',
    { raw: tables.raw },
  );
  const source = table?.source ?? '';
  const counted = Object.entries(tables.made);
  const made = await clickhouse.query<Batch & { isThere: number }>(
    `SELECT b.batch AS batch, after, upto, rows, ${counted.map(([name, of]) => `b.${name} = ${of}.found`).join(' AND ')} AS isThere
     FROM ${tables.batches} AS b
     ${counted
       .map(
         ([, of]) =>
           `LEFT JOIN (SELECT batch, count() AS found FROM ${of} WHERE source = {source:UUID} GROUP BY batch) AS ${of}
       ON ${of}.batch = b.batch`,
       )
       .join('\n     ')}
     WHERE b.source = {source:UUID}`,
    { source },
  );
  const batches = chainOf(made.filter(({ isThere }) => isThere === 1));
  const upto = offsetsOf(batches.at(-1)?.upto ?? '');
  const covered = batches.reduce((sum, { rows }) => sum + rows, 0);
  const [found] = await clickhouse.query<{ there: number; all: number }>(
    `SELECT (SELECT count() FROM ${tables.raw} WHERE ${isWithin({ upto })}) AS there,
       (SELECT count() FROM ${tables.raw}) AS all`,
  );
  const { there = 0, all = 0 } = found ?? {};
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
  tables: GatheredTables,
  state: State,
): Promise<void> => {
  const { source, batches, upto } = state;
  const next = await nextOffsets(clickhouse, tables, upto);
  if (textOf(next) === textOf(upto)) return;
  const isIn = `${isBehind({ upto })} AND ${isWithin({ upto: next })}`;
  const batch = randomInt(1, batchNumberMax);
  const params = { source, batch, batches: [...batches] };
  for (const insert of tables.inserts(isIn)) await clickhouse.command(`${insert} ${settings}`, params);
  const counts = Object.entries(tables.made).map(
    ([name, of]) =>
      `(SELECT count() FROM ${of} WHERE source = {source:UUID} AND batch = {batch:UInt64}) AS ${name}`,
  );
  const [made] = await clickhouse.query<object>(
    `SELECT (SELECT count() FROM ${tables.raw} WHERE ${isIn}) AS rows, ${counts.join(', ')}`,
    params,
  );
  await clickhouse.insertRows(tables.batches, [
    { source, batch, after: textOf(upto), upto: textOf(next), ...made },
  ]);
};

/**
 * Deletes all batches, their rows once no instance reads them any more: one that saw them right before may begin to ask for as
 * long as its state serves, which it may have needed as long to read. Batches that others make meanwhile stay.
 */
const forget = async (
  clickhouse: Pick<ClickHouse, 'query' | 'command'>,
  { batches, made, continuations }: GatheredTables,
  servedMsMax: number,
): Promise<void> => {
  const rows = Object.values(made);
  const found = await clickhouse.query<{ batch: number }>(
    [batches, ...rows].map((table) => `SELECT DISTINCT batch FROM ${table}`).join(' UNION DISTINCT '),
  );
  if (found.length === 0) return;
  const forgotten = { forgotten: found.map(({ batch }) => batch) };
  const deleteFrom = (table: string): Promise<void> =>
    clickhouse.command(
      `ALTER TABLE ${table} DELETE WHERE batch IN {forgotten:Array(UInt64)} SETTINGS mutations_sync = 2`,
      forgotten,
    );
  await deleteFrom(batches);
  await sleep(2 * servedMsMax);
  for (const table of [continuations, ...rows]) await deleteFrom(table);
};

/**
 * The greatest offset of each partition that the next batch has. Only the newest block that an ingest has claimed of a
 * partition may be unfinished, so its rows are left for later.
 */
const nextOffsets = async (
  clickhouse: Pick<ClickHouse, 'query'>,
  { raw, topic }: GatheredTables,
  upto: ReadonlyMap<number, number>,
): Promise<Map<number, number>> => {
  const isClaimedAfter = [...upto].map(
    ([partition, offset]) => `(partition = ${partition} AND first_offset > ${offset})`,
  );
  const claimed = await clickhouse.query<{ partition: number; first: number }>(
    `SELECT partition, max(first_offset) AS first FROM ingest_blocks
     WHERE topic = {topic:String} AND (partition NOT IN {known:Array(UInt16)} OR ${isClaimedAfter.join(' OR ') || 'false'})
     GROUP BY partition`,
    { topic, known: [...upto.keys()] },
  );
  const partitions = await clickhouse.query<{ partition: number }>(
    `SELECT DISTINCT kafka_partition AS partition FROM ${raw} ${settings}`,
  );
  const each = Math.ceil(batchRowsMax / Math.max(1, partitions.length));
  const firstOf = new Map(claimed.map(({ partition, first }) => [partition, first]));
  const lasts = partitions.map(({ partition }) => {
    const rowsOf = `FROM ${raw} WHERE kafka_partition = ${partition}
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
