import type { ClickHouse } from '#platform/clickhouse/client';
import type { Feed } from '../feeds.js';
import { rowsOf } from '../stored-rows.js';
import type { PlannedPlace } from './plan.js';
import { StartAgain } from './start-again.js';

const offsetsPerCopyMax = 250_000;

/**
 * Copies the rows outside the range from the live table, one block at a time, so that a block is there or not as a whole.
 * What was copied before is left out. Calls `onCopied` for each block with how many offsets it spans.
 */
export const copyRows = async (
  live: Pick<ClickHouse, 'database'>,
  next: Pick<ClickHouse, 'query' | 'command'>,
  feed: Feed,
  { partition, from, to, copiedTo }: PlannedPlace,
  onCopied: (offsets: number) => void,
): Promise<void> => {
  const columns = (
    await next.query<{ name: string }>(
      `SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {table:String}
         AND default_kind IN ('', 'DEFAULT') ORDER BY position`,
      { table: feed.table },
    )
  ).map(({ name }) => name);
  for (const [first, end] of [
    [0, from],
    [to, copiedTo],
  ] as const)
    for (let low = first; low < end; low += offsetsPerCopyMax) {
      const high = Math.min(end, low + offsetsPerCopyMax);
      await copyBlock({ live, next, feed, columns }, { partition, low, high });
      onCopied(high - low);
    }
};

type Block = { partition: number; low: number; high: number };

const copyBlock = async (
  setting: {
    live: Pick<ClickHouse, 'database'>;
    next: Pick<ClickHouse, 'query' | 'command'>;
    feed: Feed;
    columns: readonly string[];
  },
  { partition, low, high }: Block,
): Promise<void> => {
  const { live, next, feed, columns } = setting;
  const rowsIn = (database?: string): string =>
    `${rowsOf(feed, partition, database)} AND kafka_offset >= ${low} AND kafka_offset < ${high}`;
  const count = async (rows: string): Promise<number> =>
    (await next.query<{ n: number }>(`SELECT count() AS n FROM ${rows}`))[0]?.n ?? 0;

  const source = rowsIn(live.database);
  const wanted = await count(source);
  if (wanted === 0) return;
  const before = await count(rowsIn());
  if (before === 0 || !feed.appendOnly)
    await next.command(
      `INSERT INTO ${feed.table} (${columns.join(', ')})
       SETTINGS insert_deduplication_token = 'copy/${feed.topic}/${partition}/${low}-${high}',
         deduplicate_blocks_in_dependent_materialized_views = 1, max_threads = 1, max_insert_threads = 1,
         min_insert_block_size_rows = ${wanted + 1}, min_insert_block_size_bytes = 0, max_insert_block_size = ${wanted + 1}
       SELECT ${columns.join(', ')} FROM ${source} ORDER BY kafka_offset`,
    );
  const there = feed.appendOnly ? await count(rowsIn()) : wanted;
  if (there !== wanted)
    throw new StartAgain(
      `of ${wanted} rows of ${feed.topic}-${partition} from ${low} to ${high} ${there} were copied`,
    );
};
