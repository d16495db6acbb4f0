/** The questions that `npm run bench queries` asks of the API, each with the same question in PostgreSQL's SQL. */

const dayMs = 86_400_000;
const hourMs = 3_600_000;
/** One of the products that sell most. */
const productId = '00000010-0003-4000-8000-000000000000';

export type Asked = { method: 'GET' | 'POST'; path: string; body?: string };

type Row = Record<string, unknown>;

export type BenchQuestion = {
  name: string;
  days: number;
  /** Its answer is of whole buckets of this length, as `from` and `to` are rounded to; an hour's if unset. */
  bucketDays?: 1 | 7 | 31;
  /** `from` and `to` are in `/path?…` or in the body. */
  path: string;
  body?: Row;
  /** Statements with `$1` and `$2`, the beginning and the end of the period; all together are the question. */
  postgres: readonly string[];
  /** What has to be equal on both sides: of the answer's rows, and of the rows of the first statement. */
  figure(rows: readonly Row[]): number;
};

const period = 'occurred_at >= $1::timestamptz AND occurred_at < $2::timestamptz';
const sum = (column: string) => (rows: readonly Row[]) =>
  rows.reduce((total, row) => total + Number(row[column] ?? 0), 0);
const money = `count(*) FILTER (WHERE kind = 'sale' AND line = 0) AS orders, sum(quantity) AS units,
  sum(amount_minor) FILTER (WHERE kind = 'sale') AS gross,
  -coalesce(sum(amount_minor) FILTER (WHERE kind <> 'sale'), 0) AS refunds, sum(amount_minor) AS net`;

export const questions: readonly BenchQuestion[] = [
  {
    name: 'overview',
    days: 30,
    path: 'overview',
    postgres: [
      `SELECT currency, ${money} FROM sales WHERE ${period} GROUP BY currency`,
      `SELECT currency, count(DISTINCT user_id), count(DISTINCT user_id) FILTER (WHERE NOT EXISTS (
         SELECT 1 FROM sales AS e WHERE e.user_id = s.user_id AND e.kind = 'sale' AND e.occurred_at < $1::timestamptz))
       FROM sales AS s WHERE kind = 'sale' AND line = 0 AND user_id IS NOT NULL AND ${period}
       GROUP BY GROUPING SETS ((currency), ())`,
      `SELECT count(*), count(*) FILTER (WHERE viewed), count(*) FILTER (WHERE added), count(*) FILTER (WHERE checked), sum(searched)
       FROM (SELECT bool_or(type = 'product_viewed') AS viewed, bool_or(type = 'product_added') AS added,
           bool_or(type = 'checkout_started') AS checked, count(*) FILTER (WHERE type = 'products_searched') AS searched
         FROM shopper_activity WHERE ${period} GROUP BY visit_id) AS visits`,
      `SELECT count(DISTINCT user_id) FROM shopper_activity WHERE ${period}`,
    ],
    figure: sum('net'),
  },
  {
    name: 'revenue by day of London',
    days: 30,
    bucketDays: 1,
    path: 'revenue?granularity=day&tz=Europe/London',
    postgres: [
      `SELECT date_trunc('day', occurred_at, 'Europe/London') AS bucket, currency, ${money}
       FROM sales WHERE occurred_at >= date_trunc('day', $1::timestamptz, 'Europe/London')
         AND occurred_at < $2::timestamptz GROUP BY 1, 2 ORDER BY 1, 2`,
    ],
    figure: sum('gross'),
  },
  {
    name: 'revenue by hour, refunds at the sale',
    days: 30,
    path: 'revenue?granularity=hour&refunds=sale_day',
    postgres: [
      `SELECT date_trunc('hour', s.occurred_at) AS bucket, s.currency, count(*) FILTER (WHERE s.line = 0) AS orders,
         sum(s.quantity) + coalesce(sum(r.units), 0) AS units, sum(s.amount_minor) AS gross, -coalesce(sum(r.amount), 0) AS refunds,
         sum(s.amount_minor) + coalesce(sum(r.amount), 0) AS net
       FROM sales AS s LEFT JOIN (SELECT order_id, line, sum(quantity) AS units, sum(amount_minor) AS amount
         FROM sales WHERE kind = 'refund' GROUP BY order_id, line) AS r ON r.order_id = s.order_id AND r.line = s.line
       WHERE s.kind = 'sale' AND s.occurred_at >= $1::timestamptz AND s.occurred_at < $2::timestamptz
       GROUP BY 1, 2 ORDER BY 1, 2`,
    ],
    figure: sum('net'),
  },
  {
    name: 'top products of a currency',
    days: 30,
    path: 'top-products?currency=EUR&limit=20',
    postgres: [
      `SELECT t.*, p.name FROM (SELECT product_id, currency, sum(quantity) AS units, sum(amount_minor) AS net
         FROM sales WHERE currency = 'EUR' AND ${period} GROUP BY 1, 2 ORDER BY net DESC, product_id LIMIT 20) AS t
       LEFT JOIN products AS p USING (product_id) ORDER BY net DESC`,
    ],
    figure: sum('net'),
  },
  {
    name: 'funnel of four steps',
    days: 30,
    path: 'funnel',
    postgres: [
      `WITH acts AS MATERIALIZED (
         SELECT visit_id, type, occurred_at AS at FROM shopper_activity WHERE occurred_at >= $1::timestamptz
           AND occurred_at < $2::timestamptz + interval '1 day'
           AND type IN ('product_viewed', 'product_added', 'checkout_started')),
       begun AS (
         SELECT user_id, visit_id, min(occurred_at) AS began FROM shopper_activity WHERE user_id IS NOT NULL
           AND occurred_at >= $1::timestamptz AND occurred_at < $2::timestamptz + interval '1 day' GROUP BY 1, 2),
       orders AS MATERIALIZED (
         SELECT coalesce(p.visit_id, v.visit_id) AS visit_id, o.occurred_at AS at
         FROM sales AS o LEFT JOIN order_visits AS p ON p.order_id = o.order_id
         LEFT JOIN LATERAL (
           SELECT visit_id FROM begun AS b WHERE p.visit_id IS NULL AND b.user_id = o.user_id AND b.began <= o.occurred_at
           ORDER BY b.began DESC LIMIT 1) AS v ON true
         WHERE o.kind = 'sale' AND o.line = 0 AND o.occurred_at >= $1::timestamptz
           AND o.occurred_at < $2::timestamptz + interval '1 day'),
       ways AS (
         SELECT v.visit_id, v.at AS v, a.at AS a, c.at AS c, o.at AS o
         FROM acts AS v
         LEFT JOIN acts AS a ON a.visit_id = v.visit_id AND a.type = 'product_added' AND a.at BETWEEN v.at AND v.at + interval '1 day'
         LEFT JOIN acts AS c ON c.visit_id = v.visit_id AND c.type = 'checkout_started' AND c.at BETWEEN a.at AND v.at + interval '1 day'
         LEFT JOIN orders AS o ON o.visit_id = v.visit_id AND o.at BETWEEN c.at AND v.at + interval '1 day'
         WHERE v.type = 'product_viewed' AND v.at < $2::timestamptz)
       SELECT count(DISTINCT visit_id) + count(DISTINCT visit_id) FILTER (WHERE a IS NOT NULL)
         + count(DISTINCT visit_id) FILTER (WHERE c IS NOT NULL) + count(DISTINCT visit_id) FILTER (WHERE o IS NOT NULL) AS visits
       FROM ways`.replace('begun AS (', 'begun AS MATERIALIZED ('),
    ],
    figure: sum('visits'),
  },
  {
    name: 'retention by week',
    days: 84,
    bucketDays: 7,
    path: 'retention?granularity=week',
    postgres: [
      `WITH firsts AS (SELECT user_id, min(occurred_at) AS first FROM sales
         WHERE kind = 'sale' AND line = 0 AND user_id IS NOT NULL AND occurred_at < date_trunc('week', $2::timestamptz) + interval '1 week'
         GROUP BY user_id HAVING min(occurred_at) >= date_trunc('week', $1::timestamptz))
       SELECT date_trunc('week', first) AS cohort, date_trunc('week', occurred_at) AS bucket, count(DISTINCT user_id) AS buyers
       FROM firsts JOIN sales USING (user_id) WHERE kind = 'sale' AND line = 0
         AND occurred_at < date_trunc('week', $2::timestamptz) + interval '1 week' GROUP BY 1, 2`,
    ],
    figure: sum('buyers'),
  },
  {
    name: 'buyers by segment',
    days: 365,
    path: 'rfm',
    postgres: [
      `WITH buyers AS (SELECT currency, user_id, max(occurred_at) FILTER (WHERE kind = 'sale') AS last,
           count(*) FILTER (WHERE kind = 'sale' AND line = 0) AS orders, sum(amount_minor) AS net
         FROM sales WHERE user_id IS NOT NULL AND ${period} GROUP BY 1, 2
         HAVING count(*) FILTER (WHERE kind = 'sale' AND line = 0) > 0),
       scores AS (SELECT currency, orders, net, ${['last', 'orders', 'net']
         .map(
           (value) => `1 + (5 * (rank() OVER (PARTITION BY currency ORDER BY ${value})
             + count(*) OVER (PARTITION BY currency) - rank() OVER (PARTITION BY currency ORDER BY ${value} DESC)))
             / (2 * count(*) OVER (PARTITION BY currency)) AS ${value}_score`,
         )
         .join(', ')} FROM buyers)
       SELECT currency, last_score, (orders_score + net_score + 1) / 2, count(*), sum(orders) AS orders, sum(net) AS net
       FROM scores GROUP BY 1, 2, 3`,
    ],
    figure: sum('net'),
  },
  {
    name: 'bought together',
    days: 90,
    path: `basket?productId=${productId}&by=orders`,
    postgres: [
      `SELECT product_id, count(DISTINCT order_id) AS own, count(DISTINCT order_id) FILTER (WHERE order_id IN (
           SELECT order_id FROM sales WHERE kind = 'sale' AND product_id = '${productId}' AND ${period})) AS orders
       FROM sales WHERE kind = 'sale' AND product_id <> '${productId}' AND ${period}
       GROUP BY 1 ORDER BY orders DESC, product_id LIMIT 20`,
      `SELECT count(*) FROM sales WHERE kind = 'sale' AND line = 0 AND ${period}`,
    ],
    figure: sum('orders'),
  },
  {
    name: 'searches',
    days: 30,
    path: 'searches?limit=100',
    postgres: [
      `WITH acts AS (SELECT visit_id, type, occurred_at AS at, query, count(*) FILTER (WHERE type = 'products_searched') OVER (
             PARTITION BY visit_id ORDER BY occurred_at, type <> 'products_searched' ROWS UNBOUNDED PRECEDING) AS nth
           FROM shopper_activity WHERE type IN ('products_searched', 'product_viewed', 'product_added')
             AND occurred_at >= $1::timestamptz AND occurred_at < $2::timestamptz + interval '30 minutes'),
       found AS (SELECT visit_id, nth, max(query) AS query, min(at) FILTER (WHERE type = 'products_searched') AS at,
             min(at) FILTER (WHERE type = 'product_viewed') AS viewed, min(at) FILTER (WHERE type = 'product_added') AS added
           FROM acts WHERE nth > 0 GROUP BY 1, 2)
       SELECT lower(regexp_replace(query, '\\s+', ' ', 'g')) AS term, count(*) AS searches, count(DISTINCT visit_id) AS visits,
         count(*) FILTER (WHERE viewed <= at + interval '30 minutes') AS answered,
         count(*) FILTER (WHERE added <= at + interval '30 minutes') AS added
       FROM found WHERE at < $2::timestamptz GROUP BY 1 ORDER BY searches DESC, term LIMIT 100`,
    ],
    figure: sum('answered'),
  },
  {
    name: 'attribution of recommendations',
    days: 30,
    path: 'attribution?limit=20',
    postgres: [
      `WITH clicks AS MATERIALIZED (SELECT visit_id, product_id, occurred_at AS at FROM shopper_activity
           WHERE type = 'recommendation_clicked' AND ${period}),
       accounts AS (SELECT visit_id, max(user_id::text)::uuid AS user_id FROM shopper_activity
           WHERE user_id IS NOT NULL AND visit_id IN (SELECT visit_id FROM clicks) GROUP BY visit_id),
       ofaccounts AS MATERIALIZED (SELECT user_id, product_id, at FROM clicks JOIN accounts USING (visit_id)),
       shown AS (SELECT product_id, count(*) FILTER (WHERE type = 'recommendation_shown') AS shown,
             count(*) FILTER (WHERE type = 'recommendation_clicked') AS clicked
           FROM shopper_activity WHERE type IN ('recommendation_shown', 'recommendation_clicked') AND ${period} GROUP BY 1),
       added AS (SELECT a.product_id, count(*) AS added FROM shopper_activity AS a
           WHERE a.type = 'product_added' AND a.occurred_at >= $1::timestamptz AND a.occurred_at < $2::timestamptz + interval '1 day'
             AND EXISTS (SELECT 1 FROM clicks AS k WHERE k.visit_id = a.visit_id AND k.product_id = a.product_id
               AND a.occurred_at BETWEEN k.at AND k.at + interval '1 day') GROUP BY 1),
       lines AS MATERIALIZED (SELECT s.*, p.visit_id FROM sales AS s LEFT JOIN order_visits AS p ON p.order_id = s.order_id
           WHERE s.kind = 'sale' AND s.occurred_at >= $1::timestamptz AND s.occurred_at < $2::timestamptz + interval '1 day'
             AND (s.user_id IS NOT NULL OR p.visit_id IS NOT NULL)),
       credited AS (SELECT * FROM lines AS s WHERE EXISTS (SELECT 1 FROM ofaccounts AS k WHERE k.user_id = s.user_id
               AND k.product_id = s.product_id AND s.occurred_at BETWEEN k.at AND k.at + interval '1 day')
           UNION ALL SELECT * FROM lines AS s WHERE s.user_id IS NULL AND EXISTS (SELECT 1 FROM clicks AS k
             WHERE k.visit_id = s.visit_id AND k.product_id = s.product_id
               AND s.occurred_at BETWEEN k.at AND k.at + interval '1 day')),
       bought AS (SELECT product_id, count(DISTINCT order_id) AS orders, sum(quantity) AS units, sum(amount_minor) AS amount
           FROM credited GROUP BY 1)
       SELECT product_id, shown, clicked, added, coalesce(orders, 0) AS orders, units, amount
       FROM shown LEFT JOIN added USING (product_id) LEFT JOIN bought USING (product_id)
       WHERE product_id IS NOT NULL ORDER BY coalesce(orders, 0) DESC, clicked DESC, shown DESC, product_id LIMIT 20`,
    ],
    figure: sum('units'),
  },
  {
    name: 'sales by category and month',
    days: 365,
    bucketDays: 31,
    path: 'query',
    body: {
      measures: ['net', 'orders', 'buyers'],
      dimensions: ['topCategory'],
      granularity: 'month',
      limit: 10_000,
    },
    postgres: [
      `SELECT date_trunc('month', occurred_at) AS bucket, split_part(category, '/', 1) AS top, currency, sum(amount_minor) AS net,
         count(DISTINCT order_id) FILTER (WHERE kind = 'sale') AS orders, count(DISTINCT user_id) FILTER (WHERE kind = 'sale') AS buyers
       FROM sales WHERE occurred_at >= date_trunc('month', $1::timestamptz)
         AND occurred_at < date_trunc('month', $2::timestamptz - interval '1 ms') + interval '1 month' GROUP BY 1, 2, 3`,
    ],
    figure: sum('buyers'),
  },
  {
    name: 'visits by day',
    days: 30,
    path: 'query',
    bucketDays: 1,
    body: { measures: ['visits', 'visitors', 'views', 'additions'], granularity: 'day' },
    postgres: [
      `SELECT date_trunc('day', occurred_at) AS bucket, count(DISTINCT visit_id) AS visits, count(DISTINCT user_id) AS visitors,
         count(*) FILTER (WHERE type = 'product_viewed') AS views, count(*) FILTER (WHERE type = 'product_added') AS additions
       FROM shopper_activity WHERE occurred_at >= date_trunc('day', $1::timestamptz)
         AND occurred_at < date_trunc('day', $2::timestamptz - interval '1 ms') + interval '1 day' GROUP BY 1`,
    ],
    figure: sum('visits'),
  },
];

/** How many ends are tried before the beginning moves too; a shop has a year. */
const endsMax = 4;

/** The `nth` period of a question: each is another one, also once it is rounded to the question's buckets. */
export const periodOf = ({ days, bucketDays }: BenchQuestion, endMs: number, nth: number) => {
  const stepMs = bucketDays === undefined ? hourMs : bucketDays * dayMs;
  const toMs = endMs - (bucketDays === undefined ? nth : nth % endsMax) * stepMs;
  const fromMs = toMs - days * dayMs - (bucketDays === undefined ? 0 : Math.floor(nth / endsMax)) * stepMs;
  return { from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() };
};

export const askedOf = ({ path, body }: BenchQuestion, of: { from: string; to: string }): Asked =>
  body === undefined
    ? {
        method: 'GET',
        path: `/api/analytics/${path}${path.includes('?') ? '&' : '?'}from=${of.from}&to=${of.to}`,
      }
    : { method: 'POST', path: `/api/analytics/${path}`, body: JSON.stringify({ ...body, ...of }) };
