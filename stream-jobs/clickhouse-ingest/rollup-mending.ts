import type { ClickHouse } from '#platform/clickhouse/client';
import { createCollector } from '#platform/waiting/collector';
import type { Feed } from './feeds.js';

/** A table and the tables with its sums. */
export type Summed = Pick<Feed, 'table' | 'rollups'>;

/** Rows of one partition whose buckets are to be compared: from the first to the last instant, epoch seconds. */
type Mend = { of: Summed; partition: number; lowS: number; highS: number };

type Waiting = Mend & { resolve(cells: number): void; reject(error: unknown): void };

/** Those of a longer time are mended by themselves, since every partition is compared in the time of all. */
const togetherSecondsMax = 86_400;

/**
 * Corrects the rollups of partitions in the buckets of some of their rows, by adding the difference to the table (see
 * `clickhouse/migrations/0016-differences-of-several-partitions.sql`); resolves to the number of cells that were wrong.
 * After a kill all partitions need it, so those of a table that come together are compared by one statement.
 */
export const createRollupMending = (
  clickhouse: Pick<ClickHouse, 'query' | 'command'>,
): ((mend: Mend) => Promise<number>) => {
  const add = createCollector<Waiting>(async (waiting) => {
    for (const together of groupsOf(waiting.splice(0)))
      await mendTogether(clickhouse, together).then(
        (cells) => {
          for (const { partition, resolve } of together) resolve(cells.get(partition) ?? 0);
        },
        (error: unknown) => {
          for (const { reject } of together) reject(error);
        },
      );
  });
  return (mend) => new Promise((resolve, reject) => add({ ...mend, resolve, reject }));
};

/** In each group every partition is there once, so that each is given its own number of cells. */
const groupsOf = (waiting: readonly Waiting[]): Waiting[][] => {
  const groups: Waiting[][] = [];
  for (const one of waiting) {
    const fitting = groups.find(
      (group) =>
        group[0]?.of.table === one.of.table &&
        group.every(({ partition }) => partition !== one.partition) &&
        spanS([...group, one]) <= togetherSecondsMax,
    );
    if (fitting === undefined) groups.push([one]);
    else fitting.push(one);
  }
  return groups;
};

const lowOf = (group: readonly Mend[]): number => Math.min(...group.map(({ lowS }) => lowS));
const highOf = (group: readonly Mend[]): number => Math.max(...group.map(({ highS }) => highS));
const spanS = (group: readonly Mend[]): number => highOf(group) - lowOf(group);

const mendTogether = async (
  clickhouse: Pick<ClickHouse, 'query' | 'command'>,
  group: readonly Mend[],
): Promise<Map<number, number>> => {
  const cells = new Map<number, number>();
  const partitions = group.map(({ partition }) => partition).join(', ');
  for (const rollup of group[0]?.of.rollups ?? []) {
    const difference = `${rollup}_difference(partitions = [${partitions}], low = ${lowOf(group)}, high = ${highOf(group)})`;
    const wrong = await clickhouse.query<{ partition: number; cells: number }>(
      `SELECT kafka_partition AS partition, count() AS cells FROM ${difference} GROUP BY partition`,
    );
    if (wrong.length === 0) continue;
    for (const { partition, cells: more } of wrong) cells.set(partition, (cells.get(partition) ?? 0) + more);
    // The same correction may be needed a second time, and must then not be dropped as a repeat.
    await clickhouse.command(
      `INSERT INTO ${rollup} SETTINGS insert_deduplicate = 0 SELECT * FROM ${difference}`,
    );
  }
  return cells;
};
