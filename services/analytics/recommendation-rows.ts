/**
 * The statements over `recommendation_actions`: what has to do with recommendations, in the order in which questions read it,
 * and what is in no batch yet from `shopper_activity`.
 */
import { labelInSql } from '#schemas/recommendation-label';
import { type Batches, isBehind, live } from './gathered-rows.js';
import { isInTime, reachEnd } from './question.js';
import { isSplit, touching } from './visit-rows.js';

export const recommendationActions = [
  'recommendation_shown',
  'recommendation_clicked',
  'product_added',
] as const;

type RecommendationAction = (typeof recommendationActions)[number];

/** The columns of `recommendation_actions` behind its batch, and what they are of an action. */
export const recommendationColumns = {
  type: 'type',
  at: 'occurred_at',
  visit_key: 'visit_key',
  product_key: "if(ifNull(product_id, '') = '', 0, sipHash64(assumeNotNull(product_id)))",
  position: 'position',
  /** Places behind the fiftieth count as that one. */
  place: 'toUInt8(least(ifNull(position, 0), 49))',
  label: labelInSql('recommendation_id').label,
} as const;

export type RecommendationColumn = keyof typeof recommendationColumns;

/** Whether an action comes after a click on its product in the same visit, as far as the batch shows it. */
export const isAfterClick =
  "max(type = 'recommendation_clicked') OVER (PARTITION BY visit_key, ifNull(product_id, '') ORDER BY occurred_at)";

export const among = (types: readonly RecommendationAction[]): string =>
  `type IN (${types.map((type) => `'${type}'`).join(', ')})`;

/** Actions from the beginning of the period to `end`; of those in batches the ones for which `isMeant` holds. */
export const actionsUntil = (
  end: string,
  types: readonly RecommendationAction[],
  columns: readonly RecommendationColumn[],
  made: Batches,
  isMeant = '',
): string => `
          SELECT ${columns.join(', ')} FROM recommendation_actions
          WHERE ${live} AND ${among(types)} AND ${isInTime('at', end)}${isMeant && ` AND ${isMeant}`}
          UNION ALL
          SELECT ${columns.map((column) => recommendationColumns[column]).join(', ')} FROM shopper_activity
          WHERE ${among(types)} AND ${isBehind(made)} AND ${isInTime('occurred_at', end)}`;

/** Additions that a click in their visit may have led to: nearly all others come after none. */
export const additionsAfterClicks = (columns: readonly RecommendationColumn[], made: Batches): string =>
  actionsUntil(reachEnd, ['product_added'], columns, made, `(is_after_click OR ${isSplit(made)})`);

/** The account (`buyer`) that any of a visit's actions within reach shows, of visits that clicked at least. */
export const accountsOfVisits = (made: Batches): string => `
            SELECT visit_key, max(account) AS buyer
            FROM (
              SELECT visit_key, account FROM visit_actions ARRAY JOIN accounts AS account, account_ats AS ats
              PREWHERE ${touching(reachEnd)} AND notEmpty(accounts) AND (notEmpty(recommendation_clicked) OR ${isSplit(made)})
              WHERE ats[-1] >= {from:DateTime('UTC')} AND arrayFirst(at -> at >= {from:DateTime('UTC')}, ats) < ${reachEnd}
              UNION ALL
              SELECT visit_key, user_key FROM shopper_activity
              WHERE user_key != 0 AND ${isBehind(made)} AND ${isInTime('occurred_at', reachEnd)}
            )
            GROUP BY visit_key`;

/** The product of each key, some of them several times. */
export const productsOfKeys = (made: Batches): string => `
      SELECT product_key, product_id FROM recommended_products
      UNION ALL
      SELECT sipHash64(assumeNotNull(product_id)), assumeNotNull(product_id) FROM shopper_activity
      WHERE ifNull(product_id, '') != '' AND ${isBehind(made)}`;
