import pg from 'pg';
import { createClickHouse } from '#platform/clickhouse/client';
import { serviceDatabaseUrl } from '#platform/postgres/pool';
import { type BookLine, stockCodeOf } from './ledger.js';
import type { Replay } from './replay.js';

/** Pieces and pence by stock code and by the day on the shop's wall, each less what came back that day. */
export type DaySums = Map<string, { units: number; amountMinor: number }>;

const add = (sums: DaySums, code: string, day: string, units: number, amountMinor: number): void => {
  const key = `${code} ${day}`;
  const known = sums.get(key) ?? { units: 0, amountMinor: 0 };
  sums.set(key, { units: known.units + units, amountMinor: known.amountMinor + amountMinor });
};

/** Of the invoices themselves. */
export const sumsOfInput = (lines: readonly BookLine[]): DaySums => {
  const sums: DaySums = new Map();
  for (const { productId, wallDate, quantity, amountMinor } of lines)
    add(sums, stockCodeOf(productId), wallDate, quantity, amountMinor);
  return sums;
};

/** A line that was sold, or came back: a refund's are in the order in which they came. */
type Booked = { orderId: string; productId: string; kind: string; units: number; amountMinor: number };

/** The days of what is booked under orders: of the invoice, and of each return the day that it came back. */
const byDay = (booked: readonly Booked[], { orders, productIds }: Replay): DaySums => {
  const sums: DaySums = new Map();
  const codes = new Map([...productIds].map(([key, id]) => [id, key]));
  const known = new Map(orders.map((order) => [order.orderId, { ...order, returns: [...order.returns] }]));
  for (const { orderId, productId, kind, units, amountMinor } of booked) {
    const order = known.get(orderId);
    const key = codes.get(productId) ?? productId;
    const nth = order?.returns.findIndex((back) => back.key === key && back.pieces === -units) ?? -1;
    const back = nth < 0 ? undefined : order?.returns.splice(nth, 1)[0];
    const day = kind === 'sale' ? order?.wallDate : back?.wallDate;
    add(sums, key.split('@')[0] as string, day ?? 'no day', units, amountMinor);
  }
  return sums;
};

const ordersPerQuery = 1_000;

const inParts = async (
  ids: readonly string[],
  ask: (some: string[]) => Promise<Booked[]>,
): Promise<Booked[]> => {
  const booked: Booked[] = [];
  for (let from = 0; from < ids.length; from += ordersPerQuery)
    booked.push(...(await ask(ids.slice(from, from + ordersPerQuery))));
  return booked;
};

/** Of the order service's own rows. */
export const sumsOfPostgres = async (postgresUrl: string, replay: Replay): Promise<DaySums> => {
  const client = new pg.Client({ connectionString: serviceDatabaseUrl(postgresUrl, 'order') });
  await client.connect();
  try {
    const booked = await inParts(
      replay.orders.map(({ orderId }) => orderId),
      async (ids) => {
        const { rows } = await client.query<Booked>(
          `WITH lines AS (
             SELECT order_id, line->>'productId' AS product_id, (line->>'quantity')::bigint AS quantity,
                    (line->>'unitPriceMinor')::bigint AS price
             FROM orders, jsonb_array_elements(lines) AS line WHERE order_id = ANY ($1::uuid[])
           ), backs AS (
             SELECT order_id, seq, line->>'productId' AS product_id, (line->>'quantity')::bigint AS quantity
             FROM order_events, jsonb_array_elements(data->'lines') AS line
             WHERE order_id = ANY ($1::uuid[]) AND type = 'OrderReturned'
           ), booked AS (
             SELECT order_id, product_id, 'sale' AS kind, quantity AS units, quantity * price AS amount, 0 AS seq FROM lines
             UNION ALL
             SELECT order_id, product_id, 'refund', -backs.quantity, -backs.quantity * price, seq
             FROM backs JOIN lines USING (order_id, product_id)
           )
           SELECT order_id AS "orderId", product_id AS "productId", kind, units::float8 AS units,
                  amount::float8 AS "amountMinor"
           FROM booked ORDER BY order_id, seq`,
          [ids],
        );
        return rows;
      },
    );
    return byDay(booked, replay);
  } finally {
    await client.end();
  }
};

/** Of the ledger that the analytics sum. */
export const sumsOfClickHouse = async (clickhouseUrl: string, replay: Replay): Promise<DaySums> => {
  const clickhouse = createClickHouse({ url: clickhouseUrl });
  try {
    const booked = await inParts(
      replay.orders.map(({ orderId }) => orderId),
      (ids) =>
        clickhouse.query<Booked>(
          `SELECT order_id AS orderId, product_id AS productId, kind, quantity AS units, amount_minor AS amountMinor
           FROM sales WHERE order_id IN {ids:Array(String)} ORDER BY order_id, occurred_at, line`,
          { ids },
        ),
    );
    return byDay(booked, replay);
  } finally {
    await clickhouse.stop();
  }
};

/** Each difference, with both values. */
export const differencesBetween = (what: string, found: DaySums, expected: DaySums): string[] =>
  [...new Set([...found.keys(), ...expected.keys()])].flatMap((key) => {
    const [one, other] = [JSON.stringify(found.get(key) ?? null), JSON.stringify(expected.get(key) ?? null)];
    return one === other ? [] : [`${what}, ${key}: ${one} and not ${other}`];
  });
