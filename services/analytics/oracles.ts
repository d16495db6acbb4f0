/**
 * The promises that the platform keeps at every quiet point, each as one statement over what ClickHouse has of the log.
 * A service writes its state and its event in one transaction, so an event is what the service's database says; two
 * services that state the same fact differently, or a version that is missing, is a difference.
 *
 * Every statement returns `subject`, `what`, `expected` and `found`, as texts, sorted by the first two, after
 * `{afterSubject:String}` and `{afterWhat:String}`. A repeat of an event (the outbox sends at least once) counts once. What an order has still under way
 * is no difference: only orders count that were quiet since `{quietSinceMs:Int64}`, and a provider may take its time to take
 * money or to give it back: until then it counts as moved if it was asked for since `{capturingSinceMs:Int64}` or
 * `{refundingSinceMs:Int64}`.
 */
export type OracleName = 'O1' | 'O2' | 'O3' | 'O4' | 'O5' | 'O6' | 'O7';

export type Oracle = {
  name: OracleName;
  promise: string;
  statement: string;
};

const ordersTopics = "('orders', 'inventory', 'payments')";

/** Each event once, of some topics. */
const eventsOf = (topics: string) => `(
    SELECT topic, type, key, event_id, payload, occurred_at, kafka_offset FROM domain_events WHERE topic IN ${topics}
    LIMIT 1 BY event_id)`;

const salesOnce = '(SELECT * FROM sales LIMIT 1 BY event_id)';
const quiet = 'fromUnixTimestamp64Milli({quietSinceMs:Int64})';
/** An order may wait for its payment for so long, which is longer than what is under way otherwise. */
const waiting = 'fromUnixTimestamp64Milli({waitingSinceMs:Int64})';

const capturing = 'fromUnixTimestamp64Milli({capturingSinceMs:Int64})';
const refunding = 'fromUnixTimestamp64Milli({refundingSinceMs:Int64})';

/** What each movement of stock adds to the available pieces, and what the service says is left. */
const movements = `(
    SELECT JSONExtractString(line, 'productId') AS productId, event_id, occurred_at,
      JSONExtractInt(line, 'available') AS available, JSONExtractInt(line, 'stockVersion') AS stockVersion,
      multiIf(type = 'StockReserved', -JSONExtractInt(line, 'quantity'),
        type IN ('StockReleased', 'StockReturned'), JSONExtractInt(line, 'quantity'), 0) AS delta
    FROM (
      SELECT type, event_id, occurred_at, arrayJoin(JSONExtractArrayRaw(payload, 'lines')) AS line
      FROM ${eventsOf("('inventory')")}
      WHERE type IN ('StockReserved', 'StockReleased', 'StockCommitted', 'StockReturned'))
    UNION ALL
    SELECT JSONExtractString(payload, 'productId'), event_id, occurred_at, JSONExtractInt(payload, 'available'),
      JSONExtractInt(payload, 'stockVersion'), JSONExtractInt(payload, 'delta')
    FROM ${eventsOf("('inventory')")} WHERE type = 'StockAdjusted')`;

const select = (subject: string, what: string, expected: string, found: string) => `
  SELECT toString(${subject}) AS subject, ${what} AS what, toString(${expected}) AS expected,
    toString(${found}) AS found`;

const page = (of: string) => `
SELECT subject, what, expected, found FROM (${of}
) WHERE (subject, what) > ({afterSubject:String}, {afterWhat:String}) ORDER BY subject, what LIMIT {rowsMax:UInt32}`;

const stock =
  page(`${select('productId', "if(lowest < 0, 'oversold', 'available pieces')", 'if(lowest < 0, 0, summed)', 'if(lowest < 0, lowest, stated)')}
  FROM (
    SELECT productId, sum(delta) AS summed, argMax(available, stockVersion) AS stated, min(available) AS lowest,
      max(occurred_at) AS last
    FROM ${movements} GROUP BY productId)
  WHERE lowest < 0 OR (summed != stated AND last < ${quiet})`);

const captures = page(`${select('key', "'captured payments'", '1', 'captures')}
  FROM (
    SELECT key, uniqExact(event_id) AS captures FROM ${eventsOf("('payments')")} WHERE type = 'PaymentCaptured'
    GROUP BY key)
  WHERE captures > 1`);

const endings = page(`${select(
  'key',
  "multiIf(ended = 0, 'state', holdsStock, 'stock of a cancelled order', 'money of a cancelled order')",
  "if(ended = 0, 'confirmed or cancelled', 'given back')",
  "if(ended = 0, concat('open since ', toString(last)), 'held')",
)}
  FROM (
    SELECT key, max(occurred_at) AS last, countIf(type = 'OrderPlaced') AS placed,
      countIf(type IN ('OrderConfirmed', 'OrderCancelled')) AS ended,
      countIf(type = 'OrderCancelled') AS cancelled,
      countIf(type = 'StockReserved') > 0 AND countIf(type = 'StockReleased') = 0 AS holdsStock,
      countIf(type = 'PaymentAuthorized') > 0 AND countIf(type IN ('PaymentVoided', 'PaymentCaptured', 'PaymentFailed')) = 0
        AS holdsMoney
    FROM ${eventsOf(ordersTopics)} GROUP BY key)
  WHERE placed > 0 AND ((ended = 0 AND last < ${waiting})
    OR (cancelled > 0 AND (holdsStock OR holdsMoney) AND last < ${quiet}))`);

/**
 * What the provider has still to do for an order: what it has to take, what it has to give back for each return that it has not
 * answered, and whether it has to give back all that is left, because the order was cancelled.
 */
const asked = `(
    SELECT key, last, if(isPaid OR isOver OR isCancelled, 0, confirmed) AS toCome,
      if(isOver, 0, arraySum(each -> each.2, arrayFilter(each -> NOT has(answered, each.1), returns))) AS toGo,
      isUndone AND isPaid AND NOT isOver AND NOT has(answered, key) AS isAllToGo
    FROM (
      SELECT key, max(occurred_at) AS last, countIf(type = 'PaymentCaptured') > 0 AS isPaid,
        countIf(type IN ('PaymentFailed', 'PaymentVoided')) > 0 AS isOver,
        countIf(type = 'OrderCancelled') > 0 AS isCancelled,
        countIf(type = 'OrderCancelled' AND occurred_at >= ${refunding}) > 0 AS isUndone,
        sumIf(JSONExtractInt(payload, 'totalMinor'), type = 'OrderConfirmed' AND occurred_at >= ${capturing}) AS confirmed,
        groupArrayIf((JSONExtractString(payload, 'returnId'), JSONExtractInt(payload, 'refundMinor')),
          type = 'OrderReturned' AND occurred_at >= ${refunding}) AS returns,
        groupUniqArrayIf(JSONExtractString(payload, 'refundId'), type IN ('PaymentRefunded', 'RefundFailed')) AS answered
      FROM ${eventsOf("('orders', 'payments')")} GROUP BY key))`;

/**
 * What was said last of a refund counts: its money may come back after it was paid, and be paid once more. Where staff gave
 * something back meanwhile, a return is paid what that has left.
 */
const money =
  page(`${select('key', "'captured less refunded, against sold less returned, minor units'", 'sold', 'taken')}
  FROM (
    SELECT key, sum(taken) AS taken, sum(sold) AS sold, sum(toCome) AS toCome, sum(toGo) AS toGo,
      max(isAllToGo) AS isAllToGo, max(last) AS last
    FROM (
      SELECT key, sum(JSONExtractInt(payload, 'amountMinor')) AS taken, 0 AS sold, 0 AS toCome, 0 AS toGo,
        0 AS isAllToGo, max(occurred_at) AS last
      FROM ${eventsOf("('payments')")} WHERE type = 'PaymentCaptured' GROUP BY key
      UNION ALL
      SELECT key, 0, 0, toCome, toGo, isAllToGo, last FROM ${asked}
      UNION ALL
      SELECT key, -sum(amount), 0, 0, 0, 0, max(at) FROM (
        SELECT key, max(occurred_at) AS at,
          argMax(if(type = 'PaymentRefunded', JSONExtractInt(payload, 'amountMinor'), 0), (occurred_at, kafka_offset)) AS amount
        FROM ${eventsOf("('payments')")} WHERE type IN ('PaymentRefunded', 'RefundFailed')
        GROUP BY key, JSONExtractString(payload, 'refundId'))
      GROUP BY key
      UNION ALL
      SELECT order_id, 0, sum(amount_minor), 0, 0, 0, max(occurred_at) FROM ${salesOnce} GROUP BY order_id)
    GROUP BY key)
  WHERE last < ${quiet} AND if(isAllToGo, 0, taken + toCome - least(toGo, greatest(0, taken + toCome))) != sold`);

const versions = page(`${select('aggregate', "'versions without a gap or a second event'", 'last', 'seen')}
  FROM (
    SELECT concat('order ', key) AS aggregate, max(JSONExtractInt(payload, 'version')) AS last, uniqExact(event_id) AS seen,
      max(occurred_at) AS at
    FROM ${eventsOf("('orders')")} WHERE JSONHas(payload, 'version') GROUP BY key
    UNION ALL
    SELECT concat('product ', productId), max(stockVersion), count(), max(occurred_at) FROM ${movements} GROUP BY productId)
  WHERE last != seen AND at < ${quiet}`);

const unknown = page(`${select('key', "'placed orders that stock and payments are about'", '1', 'placed')}
  FROM (
    SELECT key, countIf(type = 'OrderPlaced') AS placed, max(occurred_at) AS last, countIf(topic != 'orders') AS others
    FROM ${eventsOf(ordersTopics)}
    WHERE type NOT IN ('StockAdjusted', 'LowStock', 'BackInStock') GROUP BY key)
  WHERE placed != 1 AND others > 0 AND last < ${quiet}`);

const figures = page(`${select("concat(toString(hour), ' ', product)", 'what', 'expected', 'found')}
  FROM (
    SELECT hour, product, what, sum(expected) AS expected, sum(found) AS found, max(last) AS last FROM (
      SELECT toStartOfHour(occurred_at) AS hour, product_id AS product, 'net of the rollup by the hour' AS what,
        sum(amount_minor) AS expected, 0 AS found, max(occurred_at) AS last
      FROM ${salesOnce} GROUP BY hour, product
      UNION ALL
      SELECT hour, product_id, 'net of the rollup by the hour', 0, sum(net), toDateTime64(0, 3, 'UTC') FROM sales_per_hour
      GROUP BY hour, product_id
      UNION ALL
      SELECT toStartOfHour(occurred_at), product_id, 'pieces sold', 0, sum(quantity), max(occurred_at)
      FROM ${salesOnce} WHERE kind = 'sale' GROUP BY toStartOfHour(occurred_at), product_id
      UNION ALL
      SELECT toStartOfHour(occurred_at), JSONExtractString(line, 'productId'), 'pieces sold',
        sum(JSONExtractInt(line, 'quantity')), 0, max(occurred_at)
      FROM (
        SELECT occurred_at, arrayJoin(JSONExtractArrayRaw(payload, 'lines')) AS line FROM ${eventsOf("('orders')")}
        WHERE type = 'OrderConfirmed')
      GROUP BY toStartOfHour(occurred_at), JSONExtractString(line, 'productId'))
    GROUP BY hour, product, what)
  WHERE expected != found AND last < ${quiet}
  UNION ALL
  SELECT concat('lost ', topic, ' ', toString(partition), ' ', toString(from_offset)) AS subject,
    'records deleted before they were ingested' AS what, '0' AS expected,
    toString(to_offset - from_offset) AS found
  FROM ingest_lost_ranges FINAL`);

export const oracles: readonly Oracle[] = [
  {
    name: 'O1',
    promise: 'No product is oversold, and its movements add up to what is available.',
    statement: stock,
  },
  { name: 'O2', promise: 'No order has two captured payments.', statement: captures },
  {
    name: 'O3',
    promise: 'Every order ends; a cancelled one holds no stock and no money.',
    statement: endings,
  },
  {
    name: 'O4',
    promise: 'Captured less refunded is what confirmed orders cost less returns, to the minor unit.',
    statement: money,
  },
  {
    name: 'O5',
    promise:
      'Every committed event is in Kafka: the versions of orders and of stock have no gap and no second event.',
    statement: versions,
  },
  {
    name: 'O6',
    promise: 'Every order that stock or a payment is about was placed, once.',
    statement: unknown,
  },
  {
    name: 'O7',
    promise: 'Per hour and product ClickHouse counts what was sold, and nothing was lost on the way.',
    statement: figures,
  },
];
