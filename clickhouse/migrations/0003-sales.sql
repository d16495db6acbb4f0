-- The ledger of order lines: positive when sold, negative when refunded. See 0002 for the order and the partition column.
CREATE TABLE IF NOT EXISTS sales
(
    kafka_partition UInt16,
    kafka_offset UInt64 CODEC(Delta, ZSTD(1)),
    event_id String,
    order_id String,
    line Int32,
    product_id String,
    category LowCardinality(String),
    user_id Nullable(String),
    quantity Int32,
    amount_minor Int64,
    currency LowCardinality(String),
    kind LowCardinality(String),
    occurred_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    INDEX occurred_at_range occurred_at TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
ORDER BY (kafka_partition, kafka_offset)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000;

-- Per product, currency and minute, hour, day. An order is counted at its line 0, so that a sum over products counts
-- it once; lines counts the sold lines of the product itself. refunds is positive; net = gross - refunds; units is net
-- of what came back. Amounts are minor units of their own currency and are never added across currencies.
CREATE TABLE IF NOT EXISTS sales_per_minute
(
    minute DateTime('UTC'),
    currency LowCardinality(String),
    product_id String,
    kafka_partition UInt16,
    orders Int64,
    lines Int64,
    units Int64,
    gross Int64,
    refunds Int64,
    net Int64
)
ENGINE = SummingMergeTree
ORDER BY (minute, currency, product_id, kafka_partition)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS sales_per_minute_mv TO sales_per_minute AS
SELECT
    toStartOfMinute(occurred_at) AS minute,
    currency,
    product_id,
    kafka_partition,
    countIf(kind = 'sale' AND line = 0) AS orders,
    countIf(kind = 'sale') AS lines,
    sum(quantity) AS units,
    sumIf(amount_minor, kind = 'sale') AS gross,
    -sumIf(amount_minor, kind != 'sale') AS refunds,
    sum(amount_minor) AS net
FROM sales
GROUP BY minute, currency, product_id, kafka_partition;

CREATE TABLE IF NOT EXISTS sales_per_hour
(
    hour DateTime('UTC'),
    currency LowCardinality(String),
    product_id String,
    kafka_partition UInt16,
    orders Int64,
    lines Int64,
    units Int64,
    gross Int64,
    refunds Int64,
    net Int64
)
ENGINE = SummingMergeTree
ORDER BY (hour, currency, product_id, kafka_partition)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS sales_per_hour_mv TO sales_per_hour AS
SELECT
    toStartOfHour(occurred_at) AS hour,
    currency,
    product_id,
    kafka_partition,
    countIf(kind = 'sale' AND line = 0) AS orders,
    countIf(kind = 'sale') AS lines,
    sum(quantity) AS units,
    sumIf(amount_minor, kind = 'sale') AS gross,
    -sumIf(amount_minor, kind != 'sale') AS refunds,
    sum(amount_minor) AS net
FROM sales
GROUP BY hour, currency, product_id, kafka_partition;

CREATE TABLE IF NOT EXISTS sales_per_day
(
    day DateTime('UTC'),
    currency LowCardinality(String),
    product_id String,
    kafka_partition UInt16,
    orders Int64,
    lines Int64,
    units Int64,
    gross Int64,
    refunds Int64,
    net Int64
)
ENGINE = SummingMergeTree
ORDER BY (day, currency, product_id, kafka_partition)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS sales_per_day_mv TO sales_per_day AS
SELECT
    toStartOfDay(occurred_at) AS day,
    currency,
    product_id,
    kafka_partition,
    countIf(kind = 'sale' AND line = 0) AS orders,
    countIf(kind = 'sale') AS lines,
    sum(quantity) AS units,
    sumIf(amount_minor, kind = 'sale') AS gross,
    -sumIf(amount_minor, kind != 'sale') AS refunds,
    sum(amount_minor) AS net
FROM sales
GROUP BY day, currency, product_id, kafka_partition;
