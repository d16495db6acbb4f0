import type { ClickHouse } from '#platform/clickhouse/client';
import { PlatformError } from '#platform/errors';
import type { Broker, TopicPartition } from '#platform/messaging/broker';
import { partitionName } from '#platform/messaging/partition-name';
import type { SchemaRegistry } from '#platform/messaging/schema-registry';
import { withFreshAdmin } from '#platform/messaging/shared-admin';
import type { Logger } from '#platform/telemetry/logger';
import { sleep } from '#platform/waiting/sleep';
import { createBlockClaims } from '../block-claims.js';
import type { Feed } from '../feeds.js';
import { createStoredRows } from '../stored-rows.js';
import { isGone } from '../table-gate.js';
import { hasTypedWords, typedWords } from '../typed-words-store.js';
import { copyRows } from './copy.js';
import { exchangeTables, feedOf, mendAll, type Parts, stagesTo, wasExchanged } from './exchange.js';
import { assertNothingLost } from './losses.js';
import { dropNextTables, openNextTables, type Phase } from './next-tables.js';
import { assertSameRequest, makePlan, type Plan, type Request } from './plan.js';
import { readAgain } from './read-again.js';
import { type Settled, settledTo } from './settled.js';
import { StartAgain } from './start-again.js';

export type BackfillOptions = {
  request: Request;
  /** Drops what an unfinished back-fill of the table has, and starts from the beginning. */
  again: boolean;
  feeds: readonly Feed[];
  group: string;
  broker: Broker;
  registry: Pick<SchemaRegistry, 'schemaById'>;
  clickhouse: ClickHouse;
  clickhouseUrl: string;
  logger: Logger;
  onProgress(progress: Progress): void;
};

export type Progress = {
  step: 'copying' | 'reading' | 'comparing' | 'exchanging';
  /** Offsets. */
  done: number;
  total: number;
};

export type Summary = {
  rows: number;
  /** Of the table that was replaced, at the same moment but for what came in between. */
  rowsBefore: number;
  /** Rollup cells that were wrong and were corrected before the exchange. */
  mended: number;
  /** How long the ingest stood still. */
  exchangeMs: number;
  /** Of the database that has the old tables now. */
  oldDatabase: string;
};

/** Offsets that may be left when the ingest is made to wait for the exchange. */
const leftMax = 5_000;
/** A round that reads nearly as much as the one before it reads what came meanwhile. */
const nearAsItGets = 0.7;
const roundsMax = 20;
const attemptsMax = 5;
const stragglersMs = 2_000;

/**
 * Fills a table and its rollups anew from Kafka, beside the ingest that goes on filling the old ones, and puts them in
 * their place. One that was killed at any moment goes on where it was.
 */
export const backfill = async (options: BackfillOptions): Promise<Summary> => {
  const { request, clickhouse: live, clickhouseUrl } = options;
  const feeds = options.feeds.filter(({ table }) => table === request.table);
  const [first] = feeds;
  if (first === undefined)
    throw new PlatformError('configuration_invalid', `no feed fills ${request.table}`, { retriable: false });
  const tables = [first.table, ...first.rollups];
  const database = { clickhouse: live, url: clickhouseUrl };

  let next = await openNextTables(database, tables);
  const admin = await options.broker.admin();
  try {
    const parts = (): Parts => ({
      live,
      group: options.group,
      admin,
      claims: createBlockClaims(live, 'back-fill'),
      stored: createStoredRows(live),
      next,
      storedNext: createStoredRows(next.clickhouse),
      partitionsOf: (topics) => partitionsNow(options.broker, topics),
    });
    let state = await next.state();
    if (state !== null && (state.phase === 'done' || options.again)) {
      await assertMayBeDropped(live, tables, state);
      await next.close();
      await dropNextTables(database, request.table);
      next = await openNextTables(database, tables);
      state = null;
    }
    if (state !== null) assertSameRequest(state.plan.request, request);
    const plan = state?.plan ?? (await makePlan(request, feeds, { ...parts(), clickhouse: live, admin }));
    if (state === null) await next.enter(plan, 'copying');
    return await carryOut({ ...options, feeds, tables }, plan, state?.phase ?? 'copying', parts());
  } finally {
    await admin.close();
    await next.close();
  }
};

const partitionsNow = (broker: Broker, topics: readonly string[]): Promise<TopicPartition[]> =>
  withFreshAdmin(broker, async (admin) => {
    const partitions: TopicPartition[] = [];
    for (const topic of topics)
      for (const { partition } of await admin.offsets(topic)) partitions.push({ topic, partition });
    return partitions;
  });

/** A back-fill of which only some tables are exchanged has to be finished. */
const assertMayBeDropped = async (
  live: ClickHouse,
  tables: readonly string[],
  { plan, phase }: { plan: Plan; phase: Phase },
): Promise<void> => {
  if (phase === 'done' || !(await wasExchanged(live, tables, plan))) return;
  throw new PlatformError(
    'configuration_invalid',
    'the last back-fill has begun to exchange the tables; repeat its command without --again to end it',
    { retriable: false },
  );
};

type Work = BackfillOptions & { tables: readonly string[] };

const carryOut = async (work: Work, plan: Plan, phase: Phase, parts: Parts): Promise<Summary> => {
  const { live, next } = parts;
  const isExchanged = await wasExchanged(live, work.tables, plan);
  if (phase === 'copying' && !isExchanged) {
    await copyAll(work, plan, parts);
    await next.enter(plan, 'reading');
  }
  const mended = isExchanged ? 0 : await catchUp(work, plan, parts);
  const { exchangeMs } = await exchange(work, plan, parts);
  await next.enter(plan, 'done');
  // An owner that waited too long may have come behind the exchange, and then it renamed the old table.
  await next.bringBack();
  const [table = ''] = work.tables;
  const count = async (from: string): Promise<number> =>
    (await live.query<{ n: number }>(`SELECT count() AS n FROM ${from}`))[0]?.n ?? 0;
  return {
    rows: await count(table),
    rowsBefore: await count(`${next.database}.${table}`),
    mended,
    exchangeMs,
    oldDatabase: next.database,
  };
};

const copyAll = async (work: Work, plan: Plan, { live, next }: Parts): Promise<void> => {
  const total = plan.places.reduce((sum, { from, to, copiedTo }) => sum + from + copiedTo - to, 0);
  let done = 0;
  for (const place of plan.places)
    await copyRows(live, next.clickhouse, feedOf(place, work.feeds), place, (offsets) => {
      done += offsets;
      work.onProgress({ step: 'copying', done, total });
    });
};

/** Reads until hardly anything is left, and compares the rollups with the rows. */
const catchUp = async (work: Work, plan: Plan, parts: Parts): Promise<number> => {
  const read = readerOf(work, plan, parts);
  let before = Number.POSITIVE_INFINITY;
  let settled: Settled[] = [];
  for (let round = 0; round < roundsMax; round += 1) {
    settled = await settledTo(
      plan.places.map((place) => ({ feed: feedOf(place, work.feeds), partition: place.partition })),
      parts,
    );
    const left = await read(
      plan.places.map((place, nth) => ({
        feed: feedOf(place, work.feeds),
        partition: place.partition,
        stages: stagesTo(place, settled[nth]?.offset ?? 0),
      })),
    );
    if (left <= leftMax || left > before * nearAsItGets) break;
    before = left;
  }
  work.onProgress({ step: 'comparing', done: 0, total: 1 });
  await assertNoneTwice(work.feeds, parts);
  await assertNothingLost(
    plan.places.map((place, nth) => ({
      feed: feedOf(place, work.feeds),
      partition: place.partition,
      from: 0,
      to: settled[nth]?.offset ?? 0,
    })),
    { live: parts.live, next: parts.next.clickhouse },
  );
  // Before anybody can see them.
  await eraseWords(work.tables, parts.live, parts.next.database);
  return mendAll(plan, work.feeds, parts.storedNext);
};

/** Reads what is given, and resolves to the number of offsets that it was. */
const readerOf =
  (work: Work, plan: Plan, { next, admin }: Parts, clickhouse = next.clickhouse) =>
  async (places: Parameters<typeof readAgain>[0]): Promise<number> => {
    const begin = new Map(plan.places.map((place) => [partitionName(place), place]));
    const reached = new Map<string, number>();
    const begun = new Map<string, number>();
    const offsets = (at: ReadonlyMap<string, number>): number =>
      [...at].reduce((sum, [name, offset]) => sum + offset - (begin.get(name)?.from ?? 0), 0);
    const total = places.reduce(
      (sum, { feed, partition, stages }) =>
        sum +
        (stages.at(-1)?.until ?? 0) -
        (begin.get(partitionName({ topic: feed.topic, partition }))?.from ?? 0),
      0,
    );
    await readAgain(places, {
      broker: work.broker,
      registry: work.registry,
      clickhouse,
      claimsIn: next.clickhouse,
      group: work.group,
      admin,
      logger: work.logger,
      onProgress: ({ topic, partition, insertedTo }) => {
        const name = partitionName({ topic, partition });
        if (!begun.has(name)) begun.set(name, insertedTo);
        reached.set(name, insertedTo);
        work.onProgress({ step: 'reading', done: Math.max(0, offsets(reached)), total });
      },
    });
    return offsets(reached) - offsets(begun);
  };

/** Kafka still has what people typed whose accounts were erased. */
const eraseWords = async (tables: readonly string[], live: ClickHouse, database: string): Promise<void> => {
  if (!tables.some(hasTypedWords)) return;
  await typedWords.erase(live, await typedWords.erasedUsers(live), { tables, database });
};

const assertNoneTwice = async (feeds: readonly Feed[], { next }: Parts): Promise<void> => {
  const [first] = feeds;
  if (first === undefined || !first.appendOnly) return;
  const place = `${first.keepsEvents ? 'topic, ' : ''}kafka_partition`;
  const rows = await next.clickhouse.query<{ partition: number; twice: number }>(
    `SELECT kafka_partition AS partition, count() - uniqExact(kafka_offset) AS twice FROM ${first.table}
     GROUP BY ${place} HAVING twice > 0`,
  );
  if (rows.length === 0) return;
  throw new StartAgain(
    `rows are there twice, in partitions ${rows.map(({ partition }) => partition).join(', ')}`,
  );
};

const exchange = async (work: Work, plan: Plan, parts: Parts): Promise<{ exchangeMs: number }> => {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    work.onProgress({ step: 'exchanging', done: attempt, total: attempt + 1 });
    const sinceMs = performance.now();
    const isThere = await exchangeTables({ plan, feeds: work.feeds, tables: work.tables }, parts, {
      readNext: readerOf(work, plan, parts),
      readLive: readerOf(work, plan, parts, parts.live),
    });
    if (isThere) {
      const exchangeMs = performance.now() - sinceMs;
      // The blocks that were inserted after the exchange may have some again.
      await eraseWords(work.tables, parts.live, parts.live.database);
      return { exchangeMs };
    }
    // Every partition that waited renames the table, and the last of them may do so a moment later than the first.
    await sleep(stragglersMs);
    await parts.next.bringBack();
    await catchUp(work, plan, parts).catch((error: unknown) => {
      if (!isGone(error)) throw error;
    });
    await parts.next.bringBack();
  }
  throw new PlatformError(
    'clickhouse_unavailable',
    `the ingest waited too long ${attemptsMax} times, and went on with the old tables; try again when there is less load`,
    { retriable: true },
  );
};
