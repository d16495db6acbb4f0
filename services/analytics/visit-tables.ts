import { topics } from '#schemas/topics';
import type { GatheredTables } from './gathered-rows.js';
import { among, isAfterClick, recommendationActions, recommendationColumns } from './recommendation-rows.js';
import { rawActions, visitColumns, visitsOf } from './visit-rows.js';

const isRecommendation = among(recommendationActions);

/** How the tables of `clickhouse/migrations/0018-visit-actions.sql` and of those that change them are filled. */
export const visitTables: GatheredTables = {
  raw: 'shopper_activity',
  topic: topics.shopperActivity.topic,
  batches: 'visit_batches',
  made: { visits: 'visit_actions', actions: 'recommendation_actions' },
  continuations: 'visit_continuations',
  rowsMin: 100_000,
  inserts: (where) => [
    `INSERT INTO visit_actions (source, batch, ${visitColumns})
     SELECT {source:UUID}, {batch:UInt64}, ${visitColumns}
     FROM (${visitsOf(rawActions(where))})`,
    `INSERT INTO recommendation_actions (source, batch, ${Object.keys(recommendationColumns).join(', ')}, is_after_click)
     SELECT {source:UUID}, {batch:UInt64}, ${Object.values(recommendationColumns).join(', ')}, ${isAfterClick}
     FROM shopper_activity WHERE ${where} AND ${isRecommendation}`,
    `INSERT INTO recommended_products
     SELECT DISTINCT sipHash64(assumeNotNull(product_id)), assumeNotNull(product_id) FROM shopper_activity
     WHERE ${where} AND ${isRecommendation} AND ifNull(product_id, '') != ''`,
    `INSERT INTO visit_continuations
     SELECT DISTINCT {source:UUID}, {batch:UInt64}, visit_key FROM visit_actions
     WHERE source = {source:UUID} AND batch IN {batches:Array(UInt64)} AND visit_key IN (
       SELECT visit_key FROM visit_actions WHERE source = {source:UUID} AND batch = {batch:UInt64}
     )`,
  ],
};
