import { expect, it } from 'vitest';
import { scratchClickHouse } from '#platform/testing/scratch-clickhouse';
import { createBlockClaims } from '../block-claims.js';
import { type Feed, feeds } from '../feeds.js';
import { assertNothingLost } from './losses.js';

const sales = feeds.find(({ table }) => table === 'sales') as Feed;

it('refuses a next table that lacks rows of the live one, unless they were left out', async ({
  onTestFinished,
}) => {
  const [live, next] = await Promise.all([scratchClickHouse(), scratchClickHouse()]);
  onTestFinished(async () => {
    await Promise.all([live.drop(), next.drop()]);
  });
  const both = { live: live.clickhouse, next: next.clickhouse };
  const add = ({ clickhouse }: typeof live, partition: number, offsets: readonly number[]) =>
    clickhouse.insertRows(
      'sales',
      offsets.map((offset) => ({ kafka_partition: partition, kafka_offset: offset, event_id: `${offset}` })),
    );
  const compare = (to: number) =>
    assertNothingLost(
      [0, 1].map((partition) => ({ feed: sales, partition, from: 0, to })),
      both,
    );

  // The live table has a row twice, and lacks one.
  await add(live, 0, [0, 1, 1, 3, 4, 5]);
  await add(next, 0, [0, 1, 2, 3]);
  await add(live, 1, [0]);
  await add(next, 1, [0]);
  await compare(4);
  await expect(compare(6)).rejects.toThrow(
    '2 rows of sales/0 from offset 4 on would not be in the new table; start again with --again',
  );

  const [claims] = await createBlockClaims(next.clickhouse, 'back-fill').takeOver([
    { topic: 'sales', partition: 0 },
  ]);
  await claims?.claim({
    firstOffset: 0,
    lastOffset: 5,
    attempt: 0,
    schemaIds: [1],
    rows: 4,
    excluded: [4, 5].map((offset) => ({ offset, reason: 'datum_meaningless', detail: '' })),
    gathered: null,
  });
  await compare(6);
});
