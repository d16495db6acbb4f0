import pg from 'pg';
import { createClickHouse } from '#platform/clickhouse/client';
import { engines } from '#platform/testing/engines';
import { sleep } from '#platform/waiting/sleep';
import type { OrderLoad } from '../../tests/order-load.js';
import type { RunFile, Shop } from '../../tests/shop.js';

/** What was sold of a product in an hour, by one of those who keep books. */
type Sold = { hour: number; orders: number; units: number; gross: number };

/**
 * Compares, hour by hour, what ClickHouse's rollup, ClickHouse's rows and the order service's own database say about the
 * product that the load buys, and order by order what the load itself wrote down. Returns every difference.
 */
export const compareBooks = async (runFile: string, orders: OrderLoad): Promise<string[]> => {
  const urls = engines({ CARTSTREAM_RUN: runFile });
  const address = new URL(urls.databaseUrl);
  address.pathname = '/cartstream_order';
  const postgres = new pg.Client({ connectionString: address.href });
  const clickhouse = createClickHouse({ url: urls.clickhouseUrl });
  await postgres.connect();
  try {
    const confirmed = await postgres.query<{ id: string; hour: string; units: string; gross: string }>(
      `SELECT o.order_id AS id, extract(epoch FROM date_trunc('hour', e.occurred_at)) AS hour,
         sum((line->>'quantity')::bigint) AS units,
         sum((line->>'quantity')::bigint * (line->>'unitPriceMinor')::bigint) AS gross
       FROM order_events e JOIN orders o USING (order_id), jsonb_array_elements(o.lines) line
       WHERE e.type = 'OrderConfirmed' AND line->>'productId' = $1 GROUP BY 1, 2`,
      [orders.productId],
    );
    const books = byHour(
      confirmed.rows.map(({ hour, units, gross }) => ({
        hour: Number(hour),
        orders: 1,
        units: Number(units),
        gross: Number(gross),
      })),
    );
    const asked = { product: orders.productId };
    const rollup = await clickhouse.query<Sold>(
      `SELECT toUnixTimestamp(hour) AS hour, sum(orders) AS orders, sum(units) AS units, sum(gross) AS gross
       FROM sales_per_hour WHERE product_id = {product:String} GROUP BY hour`,
      asked,
    );
    const rows = await clickhouse.query<Sold>(
      `SELECT toUnixTimestamp(toStartOfHour(occurred_at)) AS hour, uniqExact(order_id) AS orders, sum(quantity) AS units,
         sum(amount_minor) AS gross FROM sales WHERE product_id = {product:String} GROUP BY hour`,
      asked,
    );
    const there = await clickhouse.query<{ id: string }>(
      'SELECT DISTINCT order_id AS id FROM sales WHERE product_id = {product:String}',
      asked,
    );
    const sold = new Set(there.map(({ id }) => id));
    const inPostgres = new Set(confirmed.rows.map(({ id }) => id));
    return [
      ...differences('the rollup by hour', byHour(rollup), books),
      ...differences('the rows', byHour(rows), books),
      ...orders
        .confirmed()
        .filter((id) => !inPostgres.has(id))
        .map((id) => `order ${id} was confirmed and PostgreSQL has it otherwise`),
      ...orders
        .confirmed()
        .filter((id) => !sold.has(id))
        .map((id) => `order ${id} was confirmed and is no sale in ClickHouse`),
    ];
  } finally {
    await postgres.end();
    await clickhouse.stop();
  }
};

const byHour = (rows: readonly Sold[]): Map<number, Sold> => {
  const hours = new Map<number, Sold>();
  for (const { hour, orders, units, gross } of rows) {
    const sum = hours.get(hour) ?? { hour, orders: 0, units: 0, gross: 0 };
    hours.set(hour, {
      hour,
      orders: sum.orders + orders,
      units: sum.units + units,
      gross: sum.gross + gross,
    });
  }
  return hours;
};

const differences = (
  who: string,
  has: ReadonlyMap<number, Sold>,
  books: ReadonlyMap<number, Sold>,
): string[] =>
  [...new Set([...has.keys(), ...books.keys()])].flatMap((hour) => {
    const [one, other] = [JSON.stringify(has.get(hour) ?? null), JSON.stringify(books.get(hour) ?? null)];
    return one === other
      ? []
      : [`${new Date(hour * 1_000).toISOString()}: ${who} says ${one}, PostgreSQL ${other}`];
  });

type Difference = { oracle: string; subject: string; what: string; expected: string; found: string };

/** Not O4 and O7: the load writes sales of orders that nobody placed. */
const oracles = ['O1', 'O2', 'O3', 'O5', 'O6'];
/** What has changed within this time is not compared yet. */
const quietMs = 60_000;
const oraclesMsMax = 3 * quietMs;

/** What the platform's own reconciliation finds when everything has ended: the first hundred differences of each oracle. */
export const askOracles = async (shop: Shop, run: RunFile): Promise<string[]> => {
  const endedAtMs = Date.now();
  const token = await shop.login(run.adminEmail, run.adminPassword);
  const ask = (oracle: string) =>
    shop.call<{ asOf: string; items: Difference[] }>(
      'GET',
      `/api/ops/reconciliation?oracle=${oracle}&limit=100`,
      { token },
    );
  const deadline = performance.now() + oraclesMsMax;
  for (;;) {
    const answers = await Promise.all(oracles.map(ask));
    const found = answers.flatMap(({ status, body }) =>
      status !== 200
        ? [`the reconciliation answered ${status}`]
        : Date.parse(body.asOf) < endedAtMs + quietMs
          ? [`the reconciliation compares only up to ${body.asOf}`]
          : body.items.map(
              ({ oracle, subject, what, expected, found }) =>
                `${oracle} of ${subject}: ${what} is ${found}, not ${expected}`,
            ),
    );
    if (found.length === 0 || performance.now() > deadline) return found;
    await sleep(2_000);
  }
};
