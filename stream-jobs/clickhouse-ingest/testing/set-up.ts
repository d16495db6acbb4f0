import { expect, type TestContext } from 'vitest';
import { eventually } from '#platform/testing/eventually';
import { type IngestRig, openIngestRig, type RigTopic } from './ingest-rig.js';

/**
 * Waits for what an ingest does. How soon it does it is nothing that these tests look at: on a machine whose cores other work
 * takes, a rig with its topics and its tables alone takes ten seconds.
 */
export const comesTrue = <T>(attempt: () => T | Promise<T>): Promise<T> =>
  eventually(attempt, { timeoutMs: 30_000 });

/** A rig for one test, and what is asked of it; with the topics of activity, sales and products if none are named. */
export const setUp = async (
  { onTestFinished }: TestContext,
  { topics }: { topics?: readonly RigTopic[] } = {},
) => {
  const rig = await openIngestRig(topics);
  const running = new Set<{ stop(): Promise<void> }>();
  onTestFinished(async () => {
    await Promise.all([...running].map((ingest) => ingest.stop()));
    await rig.close();
  }, 30_000);

  const start = async (options: Parameters<IngestRig['start']>[0] = {}) => {
    const ingest = await rig.start(options);
    running.add(ingest);
    return {
      ...ingest,
      stop: async () => {
        running.delete(ingest);
        await ingest.stop();
      },
    };
  };

  const rowsBecome = (table: string, count: number) =>
    comesTrue(async () => expect(await rig.count(table)).toBe(count));

  const offsetsOf = async (table: string) => {
    const [row] = await rig.clickhouse.query<{ rows: number; different: number }>(
      `SELECT count() AS rows, uniqExact(kafka_partition, kafka_offset) AS different FROM ${table}`,
    );
    return row;
  };

  /** What the group has committed for partition 0. */
  const committed = async (topic: string): Promise<bigint | null> => {
    const partitions = await rig.admin.committedOffsets(rig.group, topic);
    return partitions.find(({ partition }) => partition === 0)?.nextOffset ?? null;
  };

  const committedBecomes = (topic: string, nextOffset: bigint) =>
    comesTrue(async () => expect(await committed(topic)).toBe(nextOffset));

  /** What the rollups say less what the raw rows say; empty when they agree. */
  const rollupDifferences = () =>
    rig.clickhouse.query(
      `SELECT * FROM (
         SELECT minute, product_id, sum(units) AS units, sum(net) AS net, sum(orders) AS orders FROM (
           SELECT minute, product_id, units, net, orders FROM sales_per_minute
           UNION ALL
           SELECT toStartOfMinute(occurred_at) AS minute, product_id, -quantity, -amount_minor,
             -toInt64(kind = 'sale' AND line = 0) FROM sales
         ) GROUP BY minute, product_id
       ) WHERE units != 0 OR net != 0 OR orders != 0`,
    );

  return { rig, start, rowsBecome, offsetsOf, committed, committedBecomes, rollupDifferences };
};
