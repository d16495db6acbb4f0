-- The sums of sales by minute, hour and day in one table, which one view fills: each view and each part cost an insert some
-- five milliseconds of CPU time, however few lines it has. See 0003 for the sums and 0013 for the buyers.
CREATE TABLE IF NOT EXISTS sales_rollup
(
    size Enum8('minute' = 1, 'hour' = 2, 'day' = 3),
    bucket DateTime('UTC') COMMENT 'Its start',
    currency LowCardinality(String),
    product_id String,
    kafka_partition UInt16,
    orders Int64,
    lines Int64,
    units Int64,
    gross Int64,
    refunds Int64,
    net Int64,
    buyers AggregateFunction(uniqExact, UInt64)
)
ENGINE = SummingMergeTree
ORDER BY (size, bucket, currency, product_id, kafka_partition)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000,
    min_bytes_for_wide_part = 67108864;

CREATE MATERIALIZED VIEW IF NOT EXISTS sales_rollup_mv TO sales_rollup AS
SELECT
    start.1 AS size,
    start.2 AS bucket,
    currency,
    product_id,
    kafka_partition,
    countIf(kind = 'sale' AND line = 0) AS orders,
    countIf(kind = 'sale') AS lines,
    sum(quantity) AS units,
    sumIf(amount_minor, kind = 'sale') AS gross,
    -sumIf(amount_minor, kind != 'sale') AS refunds,
    sum(amount_minor) AS net,
    uniqExactStateIf(user_key, kind = 'sale' AND user_key != 0) AS buyers
FROM sales
ARRAY JOIN
    [
        ('minute', toStartOfMinute(occurred_at)),
        ('hour', toStartOfHour(occurred_at)),
        ('day', toStartOfDay(occurred_at))
    ] AS start
GROUP BY size, bucket, currency, product_id, kafka_partition;

-- What the table lacks of the three that it replaces, so that a repetition adds nothing. No ingest may run meanwhile: neither
-- `npm start` nor the containers start one before the migrations are applied.
INSERT INTO sales_rollup
SELECT
    size,
    bucket,
    currency,
    product_id,
    kafka_partition,
    sum(cell.orders) AS orders,
    sum(cell.lines) AS lines,
    sum(cell.units) AS units,
    sum(cell.gross) AS gross,
    sum(cell.refunds) AS refunds,
    sum(cell.net) AS net,
    uniqExactMergeStateIf(cell.who, cell.is_before) AS buyers
FROM
(
    SELECT
        'minute' AS size, minute AS bucket, currency, product_id, kafka_partition, orders, lines, units, gross, refunds, net,
        buyers AS who, true AS is_before
    FROM sales_per_minute
    UNION ALL
    SELECT 'hour', hour, currency, product_id, kafka_partition, orders, lines, units, gross, refunds, net, buyers, true
    FROM sales_per_hour
    UNION ALL
    SELECT 'day', day, currency, product_id, kafka_partition, orders, lines, units, gross, refunds, net, buyers, true
    FROM sales_per_day
    UNION ALL
    SELECT
        toString(size), bucket, currency, product_id, kafka_partition, -orders, -lines, -units, -gross, -refunds, -net,
        buyers, false
    FROM sales_rollup
) AS cell
GROUP BY size, bucket, currency, product_id, kafka_partition
HAVING orders != 0 OR lines != 0 OR units != 0 OR gross != 0 OR refunds != 0 OR net != 0
    OR uniqExactMergeIf(cell.who, cell.is_before) != uniqExactMergeIf(cell.who, NOT cell.is_before)
SETTINGS max_threads = 1, max_bytes_before_external_group_by = 200000000;

-- As in 0005 and 0013, over the whole days that the rows touch.
CREATE VIEW IF NOT EXISTS sales_rollup_difference AS
WITH touched AS
(
    SELECT toStartOfDay(min(occurred_at)) AS low, toStartOfDay(max(occurred_at)) + INTERVAL 1 DAY AS high
    FROM sales
    WHERE kafka_partition = {partition:UInt16} AND kafka_offset BETWEEN {first:UInt64} AND {last:UInt64}
)
SELECT
    size,
    bucket,
    currency,
    product_id,
    kafka_partition,
    sum(cell.orders) AS orders,
    sum(cell.lines) AS lines,
    sum(cell.units) AS units,
    sum(cell.gross) AS gross,
    sum(cell.refunds) AS refunds,
    sum(cell.net) AS net,
    uniqExactMergeStateIf(cell.who, cell.is_raw) AS buyers
FROM
(
    SELECT
        start.1 AS size,
        start.2 AS bucket,
        currency,
        product_id,
        kafka_partition,
        toInt64(countIf(kind = 'sale' AND line = 0)) AS orders,
        toInt64(countIf(kind = 'sale')) AS lines,
        sum(quantity) AS units,
        sumIf(amount_minor, kind = 'sale') AS gross,
        -sumIf(amount_minor, kind != 'sale') AS refunds,
        sum(amount_minor) AS net,
        uniqExactStateIf(user_key, kind = 'sale' AND user_key != 0) AS who,
        true AS is_raw
    FROM sales
    ARRAY JOIN
        [
            ('minute', toStartOfMinute(occurred_at)),
            ('hour', toStartOfHour(occurred_at)),
            ('day', toStartOfDay(occurred_at))
        ] AS start
    WHERE kafka_partition = {partition:UInt16}
        AND occurred_at >= (SELECT low FROM touched)
        AND occurred_at < (SELECT high FROM touched)
    GROUP BY size, bucket, currency, product_id, kafka_partition
    UNION ALL
    SELECT
        toString(size), bucket, currency, product_id, kafka_partition, -orders, -lines, -units, -gross, -refunds, -net,
        buyers, false
    FROM sales_rollup
    WHERE kafka_partition = {partition:UInt16}
        AND bucket >= (SELECT low FROM touched)
        AND bucket < (SELECT high FROM touched)
) AS cell
GROUP BY size, bucket, currency, product_id, kafka_partition
HAVING orders != 0 OR lines != 0 OR units != 0 OR gross != 0 OR refunds != 0 OR net != 0
    OR uniqExactMergeIf(cell.who, cell.is_raw) != uniqExactMergeIf(cell.who, NOT cell.is_raw);
