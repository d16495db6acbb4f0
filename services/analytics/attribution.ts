import { z } from 'zod';
import { wholeNumber } from '#platform/http/text';
import { labelInSql, labelledScenarios } from '#schemas/recommendation-label';
import { examinationOf, type PlaceCount } from './click-model.js';
import { type Batches, batchParams, gatheredFrom } from './gathered-rows.js';
import { newestNames } from './newest-products.js';
import { visitsOfOrders } from './order-rows.js';
import type { Period } from './period.js';
import {
  count,
  cutAt,
  endpoint,
  isInTime,
  periodEnd,
  periodParams,
  periodQuery,
  periodRounding,
  type Query,
  reachEnd,
  share,
  truncatedField,
  wholePeriod,
} from './question.js';
import {
  accountsOfVisits,
  actionsUntil,
  additionsAfterClicks,
  productsOfKeys,
  type RecommendationColumn,
  recommendationColumns,
} from './recommendation-rows.js';

const daysAsDefault = 30;
const hourMs = 3_600_000;

const attributed = ['product', 'recommendation', 'scenario', 'position', 'model', 'arm', 'choice'] as const;

type Attributed = (typeof attributed)[number];

export const attribution = endpoint({
  name: 'attribution',
  id: 'Attribution',
  summary: 'What recommendations led to: clicks, additions to the cart, orders and returns.',
  description: `A click counts in the period. What follows it within the window, also after the period, is credited to it: an addition of the product to the last click on that product in the same visit, an order line to the last click on that product by the same account, or, where a guest orders, in the visit with which the order was sent (\`X-Visit-Id\`). So each addition and each order line is credited once, and guests’ orders without a visit are not. Shoppers look less at later places of a list: \`examined\` counts showings by how much their places are looked at, and \`correctedClickThroughRate\` is clicks by these. What a model puts first because it fits the visitor counts as bias of the place, so the true rate lies between the plain and the corrected one. ${periodRounding(daysAsDefault)}`,
  querystring: z.strictObject({
    ...periodQuery,
    by: z
      .enum(attributed)
      .default('product')
      .describe(
        'A row for each recommended product, each recommendation (`recommendationId`), scenario, position in a list, model, arm of an experiment, or whether models or chance put the product there.',
      ),
    windowHours: wholeNumber(1, 720).prefault(24),
    limit: wholeNumber(1, 100).prefault(20),
  }),
  row: z.object({
    productId: z.string().nullable().describe('With `by=product`.'),
    name: z.string().nullable(),
    recommendationId: z.string().nullable().describe('With `by=recommendation`.'),
    scenario: z.enum(labelledScenarios).nullable().describe('With `by=scenario`.'),
    position: z.int().nullable().describe('With `by=position`: the place in the list, from 0.'),
    model: z.string().nullable().describe('With `by=model`: the `modelVersion` of the answers.'),
    experiment: z
      .int()
      .nullable()
      .describe('With `by=arm`: the `code` of GET /api/recommendations/experiments.'),
    arm: z.int().nullable().describe('With `by=arm`: the place of the arm in its experiment, from 0.'),
    choice: z
      .enum(['ranked', 'explored'])
      .nullable()
      .describe('With `by=choice`: `explored` products were put on their lists by chance.'),
    shown: count,
    examined: z
      .number()
      .describe('Showings, each by how much its place is looked at compared with the best one.'),
    clicked: count,
    clickThroughRate: z.number().nullable().describe('Clicks by showings; null without a showing.'),
    correctedClickThroughRate: z
      .number()
      .nullable()
      .describe('Clicks by `examined`; null without a showing.'),
    added: count.describe('Additions to the cart after a click.'),
    orders: count.describe('Different orders with a product that was clicked.'),
    orderRate: share.nullable().describe('Orders by clicks; null without a click.'),
    units: count,
    returned: count.describe('Of these units, those that were sent back.'),
    revenue: z
      .array(z.object({ amountMinor: count, currency: z.string() }))
      .describe('As sold, before refunds, by currency.'),
  }),
  also: truncatedField,
  question: (asked, nowMs) => {
    const period = wholePeriod(asked, nowMs, daysAsDefault);
    if ('refused' in period) return period;
    return {
      about: 'salesActivityAndOrders',
      queries: [
        creditsQuery(period, asked.by, asked.windowHours * hourMs, asked.limit + 1),
        placesQuery(period),
      ],
      answerOf: ([rows = [], places = []]) => {
        const examination = examinationOf(places as readonly PlaceCount[]);
        return cutAt(
          asked.limit,
          (rows as readonly Credit[]).map((row) => creditOf(row, asked.by, examination)),
        );
      },
    };
  },
});

type Credit = {
  key: string;
  name: string;
  shown: number;
  clicked: number;
  added: number;
  orders: number;
  units: number;
  returned: number;
  /** Showings by place, each pair at the same index. */
  places: number[];
  showings: number[];
  currencies: string[];
  amounts: number[];
};

/** What a recommendation is counted by, apart from itself and its product; empty for none. */
const keysOf = (label: ReturnType<typeof labelInSql>) => ({
  scenario: label.scenario,
  position: "if(position IS NULL, '', toString(position))",
  model: label.model,
  choice: `multiIf(${label.scenario} = '', '', ${label.exploredPlace} < 15 AND ${label.exploredPlace} = position, 'explored', 'ranked')`,
  arm: `if(${label.experiment} = 0, '', concat(toString(${label.experiment}), ' ', toString(${label.arm})))`,
});

const label = labelInSql('recommendation_id');
const keys: Record<Attributed, string> = {
  ...keysOf(label),
  product: "ifNull(product_id, '')",
  recommendation: "ifNull(recommendation_id, '')",
};

const placesRowsMax = 5_000;

const inPeriod = isInTime('occurred_at');
/** From the start of the period to the end of the window of its last click. */
const inReach = isInTime('occurred_at', reachEnd);

/** Only visits with a click are looked at any further. */
const ofVisitsWithClick = `${inReach} AND visit_key IN (
          SELECT visit_key FROM shopper_activity WHERE type = 'recommendation_clicked' AND ${inReach}
        )`;

/** One number for a visit or an account and a product: of a join by three columns it takes half of the time. */
const pairOf = (isAccount: string, who: string, product: string): string =>
  `sipHash64(${isAccount}, ${who}, ${product})`;

/**
 * Each click twice: for what its visit does, and for what the account of its visit buys, whichever of the visit's actions
 * shows the account. A click behind the period may be the last before what follows one of the period, so all within reach
 * are there.
 */
const clicksOf = (clicks: string, accounts: string): string => `
      SELECT pair, key, clicked_at
      FROM (${clicks}
      ) AS click
      LEFT JOIN (${accounts}
      ) AS account USING (visit_key)
      ARRAY JOIN arrayConcat([${pairOf('0', 'visit_key', 'product')}], if(buyer = 0, [], [${pairOf('1', 'buyer', 'product')}])) AS pair`;

/** Read once, because reading texts of so few rows costs as much as reading those of all. */
const clicks = (keyed: string): string =>
  clicksOf(
    `
        SELECT visit_key, ifNull(product_id, '') AS product, ${keyed} AS key, occurred_at AS clicked_at
        FROM shopper_activity
        WHERE type = 'recommendation_clicked' AND ${inReach}`,
    `
        SELECT visit_key, max(user_key) AS buyer FROM shopper_activity
        WHERE user_key != 0 AND ${ofVisitsWithClick} GROUP BY visit_key`,
  );

const soldLines = (product: string): string => `
      SELECT ${pairOf('user_key != 0', 'if(user_key != 0, user_key, placed.visit)', product)}, occurred_at, order_key, line,
        toInt64(quantity), toString(currency), amount_minor
      FROM sales
      ANY LEFT JOIN (${visitsOfOrders}
      ) AS placed USING (order_key)
      WHERE kind = 'sale' AND ${inReach} AND (user_key != 0 OR placed.visit != 0)`;

/** What `soldLines` has, for an addition, which has no order. */
const noOrder =
  "toUInt64(0) AS order_key, toInt32(0) AS line, toInt64(0) AS units, '' AS currency, toInt64(0) AS amount";

/** What may follow a click: an addition, or an order line. */
const followers = `
      SELECT ${pairOf('0', 'visit_key', "ifNull(product_id, '')")} AS pair, occurred_at AS at, ${noOrder}
      FROM shopper_activity
      WHERE type = 'product_added' AND ${ofVisitsWithClick}
      UNION ALL
      ${soldLines('product_id')}`;

/**
 * The followers with the click that each is credited to, if it is one of the period. Few are credited, so what came back is
 * looked up behind. No line comes back before it is sold.
 */
const credited = (followers: string, clicks: string): string => `
      SELECT k.key, 0, 0, s.order_key = 0, s.order_key, s.units, back.returned, emptyArrayUInt8(),
        if(s.order_key = 0, CAST(map(), 'Map(String, Int64)'), map(s.currency, s.amount))
      FROM (${followers}
      ) AS s
      ASOF INNER JOIN (${clicks}
      ) AS k ON k.pair = s.pair AND s.at >= k.clicked_at
      LEFT JOIN (
        SELECT order_key, line, toInt64(-sum(quantity)) AS returned FROM sales
        WHERE kind = 'refund' AND occurred_at >= {from:DateTime('UTC')} GROUP BY order_key, line
      ) AS back ON back.order_key = s.order_key AND back.line = s.line
      WHERE k.clicked_at < ${periodEnd} AND s.at <= k.clicked_at + toIntervalMillisecond({windowMs:UInt64})`;

/** How often each place was shown, by runs of equal ones: to look for each place among all would copy all for each. */
const placesAndShowings = `arrayDistinct(arraySort(at_places) AS in_order) AS places,
    arrayMap(run -> length(run), arraySplit((at, before) -> at != before,
      in_order, arrayPopBack(arrayPushFront(in_order, in_order[1])))) AS showings`;

const namesOfKeys = `LEFT JOIN (${newestNames}) AS p ON p.product_id = c.key`;

const creditsQuery = (period: Period, by: Attributed, windowMs: number, rowsMax: number): Query => {
  const keyed = keys[by];
  return {
    sql: `
  SELECT c.key AS key, ${by === 'product' ? 'p.name' : "''"} AS name, shown, clicked, added, orders, units, returned,
    ${placesAndShowings}, currencies, amounts
  FROM (
    SELECT key, sum(f.shown) AS shown, sum(f.clicked) AS clicked, sum(f.added) AS added,
      uniqExactIf(f.order_key, f.order_key != 0) AS orders, sum(f.units) AS units,
      sum(f.returned) AS returned, groupArrayArray(f.at_places) AS at_places,
      mapKeys(sumMap(f.revenue) AS revenue) AS currencies, mapValues(revenue) AS amounts
    FROM (
      SELECT ${keyed} AS key, countIf(type = 'recommendation_shown') AS shown,
        countIf(type = 'recommendation_clicked') AS clicked, 0 AS added, toUInt64(0) AS order_key, toInt64(0) AS units,
        toInt64(0) AS returned, groupArrayIf(${recommendationColumns.place}, type = 'recommendation_shown') AS at_places,
        CAST(map(), 'Map(String, Int64)') AS revenue
      FROM shopper_activity
      WHERE type IN ('recommendation_shown', 'recommendation_clicked') AND ${inPeriod}
      GROUP BY key

      UNION ALL${credited(followers, clicks(keyed))}
    ) AS f
    WHERE key != ''
    GROUP BY key
    ORDER BY orders DESC, clicked DESC, shown DESC, key
    LIMIT {rowsMax:UInt32}
  ) AS c
  ${by === 'product' ? namesOfKeys : ''}
  ORDER BY orders DESC, clicked DESC, shown DESC, key`,
    params: { ...periodParams(period), windowMs, rowsMax },
    ...(by === 'recommendation'
      ? {}
      : {
          gathered: gatheredFrom('visits', (made) => ({
            sql: creditsByVisit(by, made),
            params: { ...periodParams(period), ...batchParams(made), windowMs, rowsMax },
          })),
        }),
  };
};

const maskedLabel = labelInSql('label');
const labelled = keysOf(maskedLabel);
const keysByVisit: Record<
  Exclude<Attributed, 'recommendation'>,
  { key: string; of: readonly RecommendationColumn[] }
> = {
  product: { key: 'product_key', of: [] },
  scenario: { key: labelled.scenario, of: ['label'] },
  position: { key: labelled.position, of: ['position'] },
  model: { key: labelled.model, of: ['label'] },
  choice: { key: labelled.choice, of: ['label', 'position'] },
  arm: { key: labelled.arm, of: ['label'] },
};

/** As `creditsQuery`, of the actions that have to do with recommendations. Products are numbers until they are ranked. */
const creditsByVisit = (by: Exclude<Attributed, 'recommendation'>, made: Batches): string => {
  const isByProduct = by === 'product';
  const { key, of } = keysByVisit[by];
  return `
  SELECT c.key AS key, ${isByProduct ? 'p.name' : "''"} AS name, shown, clicked, added, orders, units, returned,
    ${placesAndShowings}, currencies, amounts
  FROM (
    SELECT ${isByProduct ? 't.product_id' : 'g.key'} AS key, g.shown AS shown, g.clicked AS clicked, g.added AS added, g.orders AS orders,
      g.units AS units, g.returned AS returned, g.at_places AS at_places, g.currencies AS currencies, g.amounts AS amounts
    FROM (
      SELECT key, sum(f.shown) AS shown, sum(f.clicked) AS clicked, sum(f.added) AS added,
        uniqExactIf(f.order_key, f.order_key != 0) AS orders, sum(f.units) AS units, sum(f.returned) AS returned,
        groupArrayArray(f.at_places) AS at_places, mapKeys(sumMap(f.revenue) AS revenue) AS currencies,
        mapValues(revenue) AS amounts
      FROM (
        SELECT ${key} AS key, countIf(type = 'recommendation_shown') AS shown,
          countIf(type = 'recommendation_clicked') AS clicked, 0 AS added, toUInt64(0) AS order_key, toInt64(0) AS units,
          toInt64(0) AS returned, groupArrayIf(place, type = 'recommendation_shown') AS at_places,
          CAST(map(), 'Map(String, Int64)') AS revenue
        FROM (${actionsUntil(
          periodEnd,
          ['recommendation_shown', 'recommendation_clicked'],
          ['type', 'product_key', 'place', ...of],
          made,
        )}
        )
        GROUP BY key
        UNION ALL${credited(
          `
          SELECT ${pairOf('0', 'visit_key', 'product_key')} AS pair, at, ${noOrder}
          FROM (${additionsAfterClicks(['visit_key', 'product_key', 'at'], made)}
          )
          UNION ALL
          ${soldLines('sipHash64(product_id)')}`,
          clicksOf(
            `
          SELECT visit_key, product_key AS product, ${key} AS key, at AS clicked_at
          FROM (${actionsUntil(
            reachEnd,
            ['recommendation_clicked'],
            ['visit_key', 'product_key', 'at', ...of],
            made,
          )}
          )`,
            accountsOfVisits(made),
          ),
        )}
      ) AS f
      WHERE key != ${isByProduct ? '0' : "''"}
      GROUP BY key
    ) AS g
    ${isByProduct ? `ANY LEFT JOIN (${productsOfKeys(made)}\n    ) AS t ON t.product_key = g.key` : ''}
    ORDER BY orders DESC, clicked DESC, shown DESC, key
    LIMIT {rowsMax:UInt32}
  ) AS c
  ${isByProduct ? namesOfKeys : ''}
  ORDER BY orders DESC, clicked DESC, shown DESC, key`;
};

/**
 * How the most shown products did at each place: what `examinationOf` needs. Every item has a row at least, so the rows are
 * of the first `placesRowsMax` items, and only theirs are counted by place.
 */
const placesQuery = (period: Period): Query => ({
  sql: placesSql(`
      SELECT type, ${recommendationColumns.product_key} AS product_key, ${recommendationColumns.place} AS place,
        ${label.scenario} AS scenario FROM shopper_activity
      WHERE type IN ('recommendation_shown', 'recommendation_clicked') AND ${inPeriod}`),
  params: periodParams(period),
  gathered: gatheredFrom('visits', (made) => ({
    sql: placesSql(`
      SELECT type, product_key, place, ${maskedLabel.scenario} AS scenario
      FROM (${actionsUntil(
        periodEnd,
        ['recommendation_shown', 'recommendation_clicked'],
        ['type', 'product_key', 'place', 'label'],
        made,
      )}
      )`),
    params: { ...periodParams(period), ...batchParams(made) },
  })),
});

const placesSql = (actions: string): string => `
  SELECT item, toUInt8(intDiv(at, 2)) AS place, countIf(at % 2 = 0) AS shown, countIf(at % 2 = 1) AS clicked
  FROM (
    SELECT concat(scenario, ' ', toString(product_key)) AS item, countIf(type = 'recommendation_shown') AS shown_anywhere,
      groupArray(toUInt8(2 * a.place + (type = 'recommendation_clicked'))) AS ats
    FROM (${actions}
    ) AS a
    GROUP BY scenario, product_key
    ORDER BY shown_anywhere DESC, item
    LIMIT ${placesRowsMax}
  )
  ARRAY JOIN ats AS at
  GROUP BY item, place, shown_anywhere
  ORDER BY shown_anywhere DESC, item, place
  LIMIT ${placesRowsMax}`;

const creditOf = (
  { key, name, currencies, amounts, places, showings, ...counts }: Credit,
  by: Attributed,
  examination: ReadonlyMap<number, number>,
) => {
  const examined = places.reduce(
    (sum, at, nth) => sum + (showings[nth] ?? 0) * (examination.get(at) ?? 1),
    0,
  );
  const [experiment, arm] = by === 'arm' ? key.split(' ').map(Number) : [];
  return {
    productId: by === 'product' ? key : null,
    name: by === 'product' ? name : null,
    recommendationId: by === 'recommendation' ? key : null,
    scenario: by === 'scenario' ? key : null,
    position: by === 'position' ? Number(key) : null,
    model: by === 'model' ? key : null,
    experiment: experiment ?? null,
    arm: arm ?? null,
    choice: by === 'choice' ? (key as 'ranked' | 'explored') : null,
    ...counts,
    examined,
    clickThroughRate: counts.shown === 0 ? null : counts.clicked / counts.shown,
    correctedClickThroughRate: examined === 0 ? null : counts.clicked / examined,
    orderRate: counts.clicked === 0 ? null : counts.orders / counts.clicked,
    revenue: currencies.map((currency, place) => ({ amountMinor: amounts[place] ?? 0, currency })),
  };
};
