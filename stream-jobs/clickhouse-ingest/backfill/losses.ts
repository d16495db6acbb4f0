import type { ClickHouse } from '#platform/clickhouse/client';
import { textLiteral } from '#platform/clickhouse/text-literal';
import { partitionName } from '#platform/messaging/partition-name';
import { claimedAs, type Feed } from '../feeds.js';
import { rowsOf } from '../stored-rows.js';
import { StartAgain } from './start-again.js';

/** Offsets of one partition of a feed. */
export type Range = {
  feed: Feed;
  partition: number;
  from: number;
  /** Exclusive. */
  to: number;
};

/** The client of the next tables is asked about both, because it waits longer for answers. */
type Tables = { live: Pick<ClickHouse, 'database'>; next: Pick<ClickHouse, 'query' | 'database'> };

/**
 * Compares how many offsets of each range the live table and the next one have. Throws `StartAgain` where the next one has
 * fewer, unless those that it lacks were left out of its blocks, as poison and repeats are. Rows that are replaced are not
 * compared, since they have the offsets of the last ones only.
 */
export const assertNothingLost = async (ranges: readonly Range[], { live, next }: Tables): Promise<void> => {
  const compared = ranges.filter(({ feed, from, to }) => feed.appendOnly && from < to);
  if (compared.length === 0) return;
  const before = await countsOf(live.database, compared, next);
  const after = await countsOf(next.database, compared, next);
  for (const range of compared) {
    const name = nameOf(range);
    if ((after.get(name) ?? 0) >= (before.get(name) ?? 0)) continue;
    const { rows, first } = await lackingOf(range, { live, next });
    if (rows > 0)
      throw new StartAgain(`${rows} rows of ${name} from offset ${first} on would not be in the new table`);
  }
};

const nameOf = ({ feed: { topic }, partition }: Range): string => partitionName({ topic, partition });

const rowsIn = (database: string, { feed, partition, from, to }: Range): string =>
  `${rowsOf(feed, partition, database)} AND kafka_offset >= ${from} AND kafka_offset < ${to}`;

const countsOf = async (
  database: string,
  ranges: readonly Range[],
  { query }: Tables['next'],
): Promise<Map<string, number>> => {
  const each = ranges.map(
    (range) =>
      `SELECT ${textLiteral(nameOf(range))} AS name, uniqExact(kafka_offset) AS offsets FROM ${rowsIn(database, range)}`,
  );
  const rows = await query<{ name: string; offsets: number }>(each.join(' UNION ALL '));
  return new Map(rows.map(({ name, offsets }) => [name, offsets]));
};

/** The rows that only the live table has, and that no claim of the next one's left out. */
const lackingOf = async (range: Range, { live, next }: Tables): Promise<{ rows: number; first: number }> => {
  const { feed, partition } = range;
  const [found] = await next.query<{ rows: number; first: number }>(
    `SELECT uniqExact(kafka_offset) AS rows, min(kafka_offset) AS first FROM ${rowsIn(live.database, range)}
       AND kafka_offset NOT IN (SELECT kafka_offset FROM ${rowsIn(next.database, range)})
       AND kafka_offset NOT IN (
         SELECT arrayJoin(arrayMap(each -> each.1, excluded)) FROM ${next.database}.ingest_blocks
         WHERE topic = ${textLiteral(claimedAs(feed))} AND partition = ${partition})`,
  );
  return found ?? { rows: 0, first: 0 };
};
