-- The differences of 0005 for several partitions at once, in the buckets from that of `low` to that of `high` (epoch seconds).
-- Of each one, analysing the statement took some thirty milliseconds, and after a kill every partition asked for its own.
DROP VIEW IF EXISTS shopper_activity_per_minute_difference;

CREATE VIEW IF NOT EXISTS shopper_activity_per_minute_difference AS
SELECT minute, type, kafka_partition, sum(cell.events) AS events
FROM
(
    SELECT toStartOfMinute(occurred_at) AS minute, type, kafka_partition, toInt64(count()) AS events
    FROM shopper_activity
    WHERE kafka_partition IN {partitions:Array(UInt16)}
        AND occurred_at >= toStartOfMinute(toDateTime({low:UInt32}, 'UTC'))
        AND occurred_at < toStartOfMinute(toDateTime({high:UInt32}, 'UTC')) + INTERVAL 1 MINUTE
    GROUP BY minute, type, kafka_partition
    UNION ALL
    SELECT minute, type, kafka_partition, -events
    FROM shopper_activity_per_minute
    WHERE kafka_partition IN {partitions:Array(UInt16)}
        AND minute >= toStartOfMinute(toDateTime({low:UInt32}, 'UTC'))
        AND minute <= toStartOfMinute(toDateTime({high:UInt32}, 'UTC'))
) AS cell
GROUP BY minute, type, kafka_partition
HAVING events != 0;

DROP VIEW IF EXISTS sales_rollup_difference;

-- A state cannot be subtracted. All buyers of a cell are added again where some miss, which changes nothing about the rest.
CREATE VIEW IF NOT EXISTS sales_rollup_difference AS
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
        arrayFilter(
            each -> each.2 >= each.3 AND each.2 <= each.4,
            [
                (
                    'minute', toStartOfMinute(occurred_at),
                    toStartOfMinute(toDateTime({low:UInt32}, 'UTC')), toStartOfMinute(toDateTime({high:UInt32}, 'UTC'))
                ),
                (
                    'hour', toStartOfHour(occurred_at),
                    toStartOfHour(toDateTime({low:UInt32}, 'UTC')), toStartOfHour(toDateTime({high:UInt32}, 'UTC'))
                ),
                (
                    'day', toStartOfDay(occurred_at),
                    toStartOfDay(toDateTime({low:UInt32}, 'UTC')), toStartOfDay(toDateTime({high:UInt32}, 'UTC'))
                )
            ]
        ) AS start
    WHERE kafka_partition IN {partitions:Array(UInt16)}
        AND occurred_at >= toStartOfDay(toDateTime({low:UInt32}, 'UTC'))
        AND occurred_at < toStartOfDay(toDateTime({high:UInt32}, 'UTC')) + INTERVAL 1 DAY
    GROUP BY size, bucket, currency, product_id, kafka_partition
    UNION ALL
    SELECT
        toString(size), bucket, currency, product_id, kafka_partition, -orders, -lines, -units, -gross, -refunds, -net,
        buyers, false
    FROM sales_rollup
    WHERE kafka_partition IN {partitions:Array(UInt16)}
        AND bucket >= multiIf(
            size = 'minute', toStartOfMinute(toDateTime({low:UInt32}, 'UTC')),
            size = 'hour', toStartOfHour(toDateTime({low:UInt32}, 'UTC')),
            toStartOfDay(toDateTime({low:UInt32}, 'UTC')))
        AND bucket >= toStartOfDay(toDateTime({low:UInt32}, 'UTC'))
        AND bucket <= toDateTime({high:UInt32}, 'UTC')
) AS cell
GROUP BY size, bucket, currency, product_id, kafka_partition
HAVING orders != 0 OR lines != 0 OR units != 0 OR gross != 0 OR refunds != 0 OR net != 0
    OR uniqExactMergeIf(cell.who, cell.is_raw) != uniqExactMergeIf(cell.who, NOT cell.is_raw);
