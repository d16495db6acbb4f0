import { topics } from '#schemas/topics';
import { type Batches, type GatheredTables, isBehind, live } from './gathered-rows.js';
import { isInTime, reachEnd } from './question.js';

/**
 * The statements over `order_sales`, which has a row for each order, moment, currency and account of a batch of Kafka offsets.
 * Sums, and counts of different accounts, take these rows and those of `sales` behind them as they are. Orders are counted by
 * rows, and those that are sold in several rows are put together before.
 */

const productKey = 'sipHash64(product_id)';

/** How `clickhouse/migrations/0019-order-sales.sql` is filled. */
export const orderTables: GatheredTables = {
  raw: 'sales',
  topic: topics.sales.topic,
  batches: 'order_batches',
  made: { orders: 'order_sales' },
  continuations: 'order_continuations',
  rowsMin: 20_000,
  inserts: (where) => [
    `INSERT INTO order_sales (source, batch, order_key, at, user_key, currency, is_sale, orders, amount, product_keys)
     SELECT {source:UUID}, {batch:UInt64}, order_key, occurred_at, user_key, currency, max(kind = 'sale'),
       countIf(kind = 'sale' AND line = 0), sum(amount_minor), groupUniqArrayIf(${productKey}, kind = 'sale')
     FROM sales WHERE ${where} GROUP BY order_key, occurred_at, user_key, currency`,
    `INSERT INTO sold_products
     SELECT DISTINCT ${productKey}, product_id FROM sales WHERE ${where} AND kind = 'sale'`,
    `INSERT INTO order_continuations
     SELECT {source:UUID}, {batch:UInt64}, order_key FROM order_sales
     WHERE is_sale AND source = {source:UUID} AND (batch IN {batches:Array(UInt64)} OR batch = {batch:UInt64})
       AND order_key IN (
         SELECT order_key FROM order_sales WHERE is_sale AND source = {source:UUID} AND batch = {batch:UInt64}
       )
     GROUP BY order_key HAVING count() > 1`,
  ],
};

/**
 * The visit of each order that was sent with one. Join it with `ANY`: an order that was sent twice is in it twice. An order
 * that is confirmed in the period may be placed before it, but by far less than a day. A `DateTime` has no time before 1970:
 * the day before would be one of 2106.
 */
export const visitsOfOrders = `
          SELECT order_key, visit_key AS visit FROM domain_events
          WHERE topic = 'orders' AND visit_key != 0
            AND occurred_at >= toDateTime64({from:DateTime('UTC')}, 3, 'UTC') - INTERVAL 1 DAY AND occurred_at < ${reachEnd}`;

/** Lines sold in the period that are in no batch. */
const soldBehind = (made: Batches): string =>
  `FROM sales WHERE kind = 'sale' AND ${isBehind(made)} AND ${isInTime('occurred_at')}`;

/**
 * `columns` of the rows for which `isMeant` holds: of the batches as they are, and of `sales` behind them one a line. What
 * adds up over the rows of an order, and what is greatest or different among them, is the same of both. `isMeant` may ask for
 * no set: ClickHouse took 150 ms of CPU time to plan a set of the earlier buyers on `sales`.
 */
export const orderRows = (columns: string, isMeant: string, made: Batches): string => `
    SELECT ${columns} FROM order_sales WHERE ${live} AND ${isMeant}
    UNION ALL
    SELECT ${columns}
    FROM (
      SELECT order_key, occurred_at AS at, user_key, currency, toBool(kind = 'sale') AS is_sale,
        toUInt32(kind = 'sale' AND line = 0) AS orders, amount_minor AS amount
      FROM sales WHERE ${isBehind(made)}
    )
    WHERE ${isMeant}`;

/** The condition of the orders that several rows have, or one and what is behind the batches. */
const isSplit = (made: Batches): string => `order_key IN (
            SELECT order_key FROM order_continuations WHERE ${live}
            UNION ALL SELECT order_key FROM sales WHERE kind = 'sale' AND ${isBehind(made)}
          )`;

/** A row for each order of the period with the products that it was sold with in the period (`product_keys`). */
export const soldOrders = (made: Batches): string => `
          SELECT product_keys FROM order_sales WHERE ${live} AND is_sale AND ${isInTime('at')} AND NOT ${isSplit(made)}
          UNION ALL
          SELECT groupUniqArrayArray(part.product_keys)
          FROM (
            SELECT order_key, product_keys FROM order_sales
            WHERE ${live} AND is_sale AND ${isInTime('at')} AND ${isSplit(made)}
            UNION ALL
            SELECT order_key, [${productKey}] ${soldBehind(made)}
          ) AS part
          GROUP BY order_key`;

/** The product of each key. */
export const soldProducts = (made: Batches): string => `
      SELECT product_key, any(product_id) AS product_id
      FROM (
        SELECT product_key, product_id FROM sold_products
        UNION ALL
        SELECT ${productKey}, product_id ${soldBehind(made)}
      )
      GROUP BY product_key`;
