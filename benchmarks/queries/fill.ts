import type { ClickHouse } from '#platform/clickhouse/client';

/** How much of everything a shop of so many rows has. */
export type Shop = {
  rows: number;
  /** The first instant, epoch ms, and the time that the rows are spread over. */
  fromMs: number;
  spanMs: number;
  visits: number;
  accounts: number;
  products: number;
};

/** The rows that the sentences below make of a visit, as counted: actions, and lines sold and returned. */
export const rowsPerVisit = 5.9;
const visitsPerAccount = 10;
const productsMax = 20_000;
const visitsPerInsert = 200_000;
const dayMs = 86_400_000;
/** No visit is as long, and nothing comes back as long after the visit in which it was sold. */
const visitDaysMax = 2;
const refundDaysMax = 20 + 1 + visitDaysMax;

export const shopOf = (rows: number, toMs: number, days = 365): Shop => {
  const visits = Math.ceil(rows / rowsPerVisit);
  return {
    rows,
    fromMs: toMs - days * dayMs,
    spanMs: days * dayMs,
    visits,
    accounts: Math.ceil(visits / visitsPerAccount),
    products: Math.min(productsMax, Math.ceil(visits / 20) + 100),
  };
};

/** Evenly distributed between 0 and 1, and the same for the same visit and salt. */
const chance = (salt: string, ...of: string[]): string =>
  `(bitShiftRight(sipHash64(${['v', ...of].join(', ')}, '${salt}'), 11) / 9007199254740992)`;

const idOf = (number: string, kind: string): string =>
  `concat(lower(leftPad(hex(toUInt32(${number})), 8, '0')), '-${kind}-4000-8000-000000000000')`;

/** A few products sell most: a third of the sales is of one product in a hundred and fifty. */
const productNumber = (u: string): string => `toUInt32(floor({products:Float64} * pow(${u}, 4)))`;

/** What every visit has: an account or none, how many actions, when they are, and the four products it is about. */
const visitsSql = `
  SELECT number AS v,
    least(60, toUInt32(floor(3 * pow(1 - ${chance('length', '0')}, -0.5)))) AS actions,
    if(${chance('known', '0')} < 0.5, toUInt32(floor({accounts:Float64} * pow(${chance('account', '0')}, 2))), NULL) AS account,
    {fromMs:Int64} + toInt64({spanMs:Float64} * (number + ${chance('begin', '0')}) / {visits:Float64}) AS began,
    arrayCumSum(arrayMap(i -> if(i = 0, 0, toInt64(1 - 45000 * log(1 - ${chance('pause', 'i')}))), range(actions))) AS times,
    arrayMap(i -> ${productNumber(chance('taste', 'i'))}, range(4)) AS taste,
    ${chance('order', '0')} < 0.25 AND actions > 3 AS isOrder,
    began + times[actions] + 20000 AS orderedAt
  FROM numbers({begun:UInt64}, {end:UInt64} - {begun:UInt64})`.replaceAll(
  'sipHash64(v,',
  'sipHash64(number,',
);

/**
 * Whether a row comes while the visits from `first` to `end` begin. Offsets grow with time, so actions of one visit lie
 * between those of others, and a visit goes on behind any offset that something of it lies before.
 */
const isInTurn = 'at >= {turnsAtMs:Int64} AND at < {endsAtMs:Int64}';

const activitySql = `
  INSERT INTO shopper_activity (kafka_partition, kafka_offset, event_id, type, visit_id, user_id, product_id, query,
    position, recommendation_id, occurred_at)
  SELECT v % 6, {first:UInt64} * 60 + row_number() OVER (ORDER BY at, v, i), toString(reinterpretAsUUID(sipHash128(v, i))), type,
    ${idOf('v', '0001')}, if(account IS NULL, NULL, ${idOf('assumeNotNull(account)', '0002')}),
    if(type IN ('products_searched', 'checkout_started'), NULL, ${idOf('taste[1 + i % 4]', '0003')}),
    if(type = 'products_searched', concat('term ', toString(toUInt32(floor(3000 * pow(${chance('term', 'i')}, 3))))), NULL),
    if(type LIKE 'recommendation%', i % 12, NULL),
    if(type LIKE 'recommendation%', ${idOf('v', '0005')}, NULL),
    fromUnixTimestamp64Milli(at, 'UTC')
  FROM (
    SELECT v, account, taste, i, began + times[i + 1] AS at, ${chance('type', 'i')} AS u,
      multiIf(u < 0.5, 'product_viewed', u < 0.6, 'products_searched', u < 0.8, 'recommendation_shown',
        u < 0.84, 'recommendation_clicked', u < 0.95, 'product_added', u < 0.97, 'product_removed',
        'checkout_started') AS type
    FROM (${visitsSql}) ARRAY JOIN range(actions) AS i
  )
  WHERE ${isInTurn}`;

const salesSql = `
  INSERT INTO sales (kafka_partition, kafka_offset, event_id, order_id, line, product_id, category, user_id, quantity,
    amount_minor, currency, kind, occurred_at)
  SELECT v % 6, {first:UInt64} * 60 + row_number() OVER (ORDER BY at, v, i, kind), toString(reinterpretAsUUID(sipHash128(v, i, kind))),
    ${idOf('v', '0004')}, i, ${idOf('product', '0003')}, concat('top', toString(product % 7), '/sub', toString(product % 40)),
    if(account IS NULL, NULL, ${idOf('assumeNotNull(account)', '0002')}),
    if(kind = 'sale', quantity, -1), price * if(kind = 'sale', quantity, -1), currency, kind, fromUnixTimestamp64Milli(at, 'UTC')
  FROM (
    SELECT v, account, i,
      if(i < 2, taste[1 + i], ${productNumber(chance('line', 'i'))}) AS product,
      1 + toInt32(floor(4 * pow(${chance('quantity', 'i')}, 4))) AS quantity,
      100 + toInt64(sipHash64(product, 'price') % 19900) AS price,
      multiIf(ifNull(account, v) % 10 < 7, 'EUR', ifNull(account, v) % 10 < 9, 'GBP', 'USD') AS currency,
      arrayJoin(if(${chance('return', 'i')} < 0.05, ['sale', 'refund'], ['sale'])) AS kind,
      if(kind = 'sale', orderedAt, least(orderedAt + 86400000 + toInt64(20 * 86400000 * ${chance('returned', 'i')}),
        {fromMs:Int64} + toInt64({spanMs:Float64}))) AS at
    FROM (SELECT * FROM (${visitsSql}) WHERE isOrder)
    ARRAY JOIN range(least(20, toUInt32(floor(2 * pow(1 - ${chance('lines', '0')}, -0.5))))) AS i
  )
  WHERE ${isInTurn}`;

/** Three of four orders say with which visit they were sent. */
const placedSql = `
  INSERT INTO domain_events (topic, kafka_partition, kafka_offset, event_id, key, type, occurred_at, payload, payload_bytes)
  SELECT 'orders', v % 6, {first:UInt64} * 60 + row_number() OVER (ORDER BY at, v),
    toString(reinterpretAsUUID(sipHash128(v, 'placed'))), ${idOf('v', '0004')} AS order_id, 'OrderPlaced',
    fromUnixTimestamp64Milli(at, 'UTC'),
    concat('{"orderId":"', order_id, '","visitId":',
      if(${chance('sent')} < 0.75, concat('"', ${idOf('v', '0001')}, '"'), 'null'), '}') AS json,
    length(json)
  FROM (SELECT v, orderedAt AS at FROM (${visitsSql}) WHERE isOrder)
  WHERE ${isInTurn}`;

const productsSql = `
  INSERT INTO products (kafka_partition, kafka_offset, product_id, version, name, category, brand, price_minor, currency,
    active, created_at, occurred_at)
  SELECT number % 3, number, ${idOf('number', '0003')}, 1, concat('Product ', toString(number)),
    concat('top', toString(number % 7), '/sub', toString(number % 40)), concat('brand ', toString(number % 60)),
    100 + sipHash64(toUInt32(number), 'price') % 19900, 'EUR', true, 0, 0
  FROM numbers({products:UInt64})`;

/**
 * Fills the tables, and through their views the rollups, with visits and orders of a year. The same each time. Of a `range` of
 * visits what happens until the one behind it begins; a shop is whole once all ranges are filled.
 */
export const fillShop = async (
  clickhouse: Pick<ClickHouse, 'command'>,
  shop: Shop,
  range: { first: number; end: number },
  onProgress: (share: number) => void = () => {},
): Promise<void> => {
  const beginsAtMs = (visit: number): number =>
    visit >= shop.visits
      ? Number.MAX_SAFE_INTEGER
      : shop.fromMs + Math.floor((shop.spanMs * visit) / shop.visits);
  const visitsOf = (days: number): number => Math.ceil((days * dayMs * shop.visits) / shop.spanMs);
  if (range.first === 0) await clickhouse.command(productsSql, shop);
  for (let first = range.first; first < range.end; first += visitsPerInsert) {
    const end = Math.min(first + visitsPerInsert, range.end);
    const turn = { ...shop, first, end, turnsAtMs: beginsAtMs(first), endsAtMs: beginsAtMs(end) };
    const settings = ' SETTINGS max_threads = 1, max_insert_threads = 1, max_insert_block_size = 2000000';
    const fill = (sql: string, days: number): Promise<void> =>
      clickhouse.command(sql + settings, { ...turn, begun: Math.max(0, first - visitsOf(days)) });
    await fill(activitySql, visitDaysMax);
    await fill(salesSql, refundDaysMax);
    await fill(placedSql, visitDaysMax);
    onProgress(end / shop.visits);
  }
};
