import { expect, it } from 'vitest';
import { newId } from '#platform/ids';
import { labelled } from '#schemas/recommendation-label';
import { costLimits } from './clickhouse-calls.js';
import { askedApp } from './testing/asked-app.js';

const showings = 300_000;

it('showings at fifty places are counted in not much more memory than they take', async ({
  onTestFinished,
}) => {
  // It takes some 15 MB, and a byte more for each showing and place where each place looks at all showings.
  const shop = await askedApp(Date.UTC(2026, 2, 20), { ...costLimits, memoryBytesMax: 25_000_000 });
  onTestFinished(shop.drop);
  const recommendationId = labelled(newId(), {
    scenario: 'home',
    model: 'popularity',
    experiment: null,
    exploredPlace: null,
  });
  await shop.clickhouse.command(
    `INSERT INTO shopper_activity
       (kafka_partition, kafka_offset, type, visit_id, product_id, recommendation_id, position, occurred_at)
     SELECT 0, number, 'recommendation_shown', 'visit', 'product', {recommendationId:String}, number % 50,
       '2026-03-19 12:00:00.000'
     FROM numbers({showings:UInt64})`,
    { recommendationId, showings },
  );
  // Without any click all places are looked at alike.
  expect(await shop.items('attribution?by=scenario')).toMatchObject([
    { shown: showings, examined: showings },
  ]);
});
