import type { ClickHouse } from '#platform/clickhouse/client';
import { PlatformError } from '#platform/errors';
import { newId } from '#platform/ids';
import type { Feed } from '../feeds.js';
import { rowsOf } from '../stored-rows.js';
import { type LiveRows, settledTo } from './settled.js';

/** What to replay. Without a bound, everything that Kafka has. */
export type Request = {
  table: string;
  /** Records that occurred from here on (epoch milliseconds), by the rows that the table has. */
  fromMs: number | null;
  /** Records that occurred before. */
  toMs: number | null;
  /** Offsets by partition, in place of times. `to` is exclusive. */
  offsets: Readonly<Record<string, { from: number; to: number | null }>> | null;
};

/**
 * One partition of a topic. Its rows before `from`, and those from `to` to `copiedTo`, are copied from the table; the rest
 * is read from Kafka again. The two are the same offset where nothing is to be copied behind the range.
 */
export type PlannedPlace = { topic: string; partition: number; from: number; to: number; copiedTo: number };

export type Plan = { id: string; request: Request; places: readonly PlannedPlace[] };

export type PlanDeps = LiveRows & { clickhouse: Pick<ClickHouse, 'query'> };

export const makePlan = async (request: Request, feeds: readonly Feed[], deps: PlanDeps): Promise<Plan> => {
  const places: PlannedPlace[] = [];
  for (const feed of feeds)
    for (const { partition, low } of await deps.admin.offsets(feed.topic)) {
      const [{ offset: settled } = { offset: 0 }] = await settledTo([{ feed, partition }], deps);
      const range = await rangeOf(request, feed, partition, deps);
      const from = Math.min(settled, Math.max(Number(low), range.from));
      const to = Math.max(from, Math.min(settled, range.to ?? settled));
      places.push({ topic: feed.topic, partition, from, to, copiedTo: range.to === null ? to : settled });
    }
  return { id: newId(), request, places };
};

type Range = { from: number; to: number | null };

const rangeOf = async (
  { offsets, fromMs, toMs }: Request,
  feed: Feed,
  partition: number,
  { clickhouse }: Pick<PlanDeps, 'clickhouse'>,
): Promise<Range> => {
  const named = offsets?.[String(partition)];
  if (named !== undefined) return named;
  // A partition that is not named is copied as it is.
  if (offsets !== null) return { from: Number.MAX_SAFE_INTEGER, to: null };
  return {
    from: fromMs === null ? 0 : await offsetAt(feed, partition, fromMs, clickhouse),
    to: toMs === null ? null : await offsetBehind(feed, partition, toMs, clickhouse),
  };
};

/** Behind the last row before the first one that occurred at `ms` or later, so that rows that miss there are read too. */
const offsetAt = async (
  feed: Feed,
  partition: number,
  ms: number,
  clickhouse: Pick<ClickHouse, 'query'>,
): Promise<number> => {
  const rows = rowsOf(feed, partition);
  const [found] = await clickhouse.query<{ behind: number }>(
    `SELECT coalesce(maxOrNull(kafka_offset) + 1, 0) AS behind FROM ${rows}
       AND kafka_offset < (SELECT if(count() = 0, toUInt64(-1), min(kafka_offset)) FROM ${rows}
         AND occurred_at >= fromUnixTimestamp64Milli({ms:Int64}, 'UTC'))`,
    { ms },
  );
  return found?.behind ?? 0;
};

/** The first row behind the last one that occurred before `ms`; null where there is none. */
const offsetBehind = async (
  feed: Feed,
  partition: number,
  ms: number,
  clickhouse: Pick<ClickHouse, 'query'>,
): Promise<number | null> => {
  const rows = rowsOf(feed, partition);
  const [found] = await clickhouse.query<{ rows: number; first: number }>(
    `SELECT count() AS rows, min(kafka_offset) AS first FROM ${rows}
       AND kafka_offset > (SELECT toInt64(coalesce(maxOrNull(kafka_offset), -1)) FROM ${rows}
         AND occurred_at < fromUnixTimestamp64Milli({ms:Int64}, 'UTC'))`,
    { ms },
  );
  return found === undefined || found.rows === 0 ? null : found.first;
};

export const assertSameRequest = (stored: Request, given: Request): void => {
  if (JSON.stringify(stored) === JSON.stringify(given)) return;
  throw new PlatformError(
    'configuration_invalid',
    `a back-fill of ${given.table} with other bounds is unfinished (${JSON.stringify(stored)}); repeat its command to go on, or add --again to drop what it has`,
    { retriable: false },
  );
};
