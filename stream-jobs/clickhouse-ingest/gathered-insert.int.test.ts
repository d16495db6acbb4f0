import { describe, expect, it } from 'vitest';
import type { Insert } from '#platform/clickhouse/client';
import { PlatformError } from '#platform/errors';
import { createBlockClaims } from './block-claims.js';
import { comesTrue, setUp } from './testing/set-up.js';

type Rig = Awaited<ReturnType<typeof setUp>>['rig'];

/** Three sales on each of two partitions, which lie ready when the ingest starts. */
const sendToBoth = async (rig: Rig) => {
  for (const partition of [0, 1])
    await rig.send(rig.topic.sales, [rig.sale(), rig.sale(), rig.sale()], partition);
};

const claimsOf = (rig: Rig) =>
  rig.clickhouse.query<{ partition: number; gathered: string; attempt: number }>(
    'SELECT partition, gathered, attempt FROM ingest_blocks ORDER BY partition, attempt',
  );

/** A partition's offset is committed when its rows and its sums are right. */
const bothCommitted = (rig: Rig) =>
  comesTrue(async () => {
    const committed = await rig.admin.committedOffsets(rig.group, rig.topic.sales);
    expect(committed.map(({ nextOffset }) => nextOffset)).toEqual([3n, 3n]);
  });

const isExact = async ({ rig, offsetsOf, rollupDifferences }: Awaited<ReturnType<typeof setUp>>) => {
  expect(await offsetsOf('sales')).toEqual({ rows: 6, different: 6 });
  expect(await rollupDifferences()).toEqual([]);
  for (const rollup of ['sales_per_minute', 'sales_per_hour', 'sales_per_day'])
    expect(await rig.clickhouse.query(`SELECT sum(lines) AS lines FROM ${rollup}`)).toEqual([{ lines: 6 }]);
};

describe.concurrent('blocks of several partitions', { timeout: 120_000 }, () => {
  it('go into their table with one insert, as one part', async (context) => {
    const setting = await setUp(context, { topics: ['sales'] });
    const { rig, start, rowsBecome } = setting;
    await sendToBoth(rig);
    const inserts: Insert[] = [];
    await start({
      insertBlock: async (block, insert) => {
        inserts.push(block);
        await insert(block);
      },
    });
    await bothCommitted(rig);
    await isExact(setting);
    expect(inserts.map(({ table, rows }) => ({ table, rows }))).toEqual([{ table: 'sales', rows: 6 }]);
    const claims = await claimsOf(rig);
    expect(claims.map(({ partition }) => partition)).toEqual([0, 1]);
    expect(new Set(claims.map(({ gathered }) => gathered)).size).toBe(1);
    expect(claims[0]?.gathered).not.toBe('');
    // And the partitions go on one by one, from where the gathered insert ended.
    await rig.send(rig.topic.sales, [rig.sale()], 1);
    await rowsBecome('sales', 7);
  });

  it.for(['before', 'after'])(
    'are each inserted once when the answer is lost %s the insert',
    async (when, context) => {
      const setting = await setUp(context, { topics: ['sales'] });
      const { rig, start } = setting;
      await sendToBoth(rig);
      let failures = 0;
      await start({
        insertBlock: async (block, insert) => {
          if (failures >= 3) return insert(block);
          failures += 1;
          if (when === 'after') await insert(block);
          throw new PlatformError('clickhouse_unavailable', 'connection lost', { retriable: true });
        },
      });
      await bothCommitted(rig);
      await isExact(setting);
    },
  );

  it.for(['before', 'after', 'long after'])(
    'are inserted once by several successors of a process that died %s inserting them together',
    async (when, context) => {
      const setting = await setUp(context, { topics: ['sales'] });
      const { rig, start } = setting;
      await sendToBoth(rig);
      let late: (() => Promise<void>) | undefined;
      const first = await start({
        insertBlock: async (block, insert) => {
          if (when === 'after') await insert(block);
          late = () => insert(block);
          await new Promise(() => {});
        },
      });
      await comesTrue(() => expect(late).toBeDefined());
      void first.stop();
      // Each of them gets one partition.
      await Promise.all([start(), start()]);
      await bothCommitted(rig);
      // The insert of the dead process was on its way all the time.
      if (when === 'long after') await late?.();
      await isExact(setting);
    },
  );

  it('are all there where another owner of one of them was faster, and ClickHouse dropped the insert', async (context) => {
    const setting = await setUp(context, { topics: ['sales'] });
    const { rig, start, rowsBecome } = setting;
    await sendToBoth(rig);
    let isTaken = false;
    await start({
      onFatal: () => {},
      insertBlock: async (block, insert) => {
        if (!isTaken) {
          isTaken = true;
          // What the other owner does, which has got the partition from Kafka while we were paused.
          await createBlockClaims(rig.clickhouse, 'other').takeOver([
            { topic: rig.topic.sales, partition: 0 },
          ]);
          const columns = 'kafka_partition, kafka_offset, event_id, line, product_id, quantity, kind';
          await rig.clickhouse.command(
            `INSERT INTO sales (${columns}) SETTINGS insert_deduplication_token = '${block.deduplicationToken}',
               deduplicate_blocks_in_dependent_materialized_views = 1
             SELECT 0, number, 'e', 0, 'product-1', 2, 'sale' FROM numbers(3)`,
          );
        }
        await insert(block);
      },
    });
    await rowsBecome('sales', 6);
    await comesTrue(() => isExact(setting));
    const own = (await claimsOf(rig)).filter(({ partition }) => partition === 1);
    expect(own.map(({ attempt }) => attempt)).toEqual([0, 1]);
    expect(own[1]?.gathered).toBe('');
  });

  it('go in without a partition whose block is larger than what goes in together', async (context) => {
    const { rig, start, rowsBecome } = await setUp(context, { topics: ['sales'] });
    const large = Array.from({ length: 100 }, () => rig.sale({ category: 'x'.repeat(200) }));
    await rig.send(rig.topic.sales, large, 0);
    await rig.send(rig.topic.sales, [rig.sale()], 1);
    await start({ gatheredBytesMax: 10_000 });
    await rowsBecome('sales', 101);
    const claims = await claimsOf(rig);
    expect(claims.map(({ partition, gathered }) => ({ partition, gathered }))).toEqual([
      { partition: 0, gathered: '' },
      { partition: 1, gathered: '' },
    ]);
  });
});
