-- What each rollup lacks (or, negative, has too much) against its raw table, cell by cell, over the buckets that the rows
-- of one Kafka partition from `first` to `last` touch. Inserted into its rollup, this mends it: clickhouse-ingest does so
-- after ClickHouse was killed. The sums are those of the materialized view <rollup>_mv; a test holds the two against each
-- other, and finds a rollup without a difference.
CREATE VIEW IF NOT EXISTS shopper_activity_per_minute_difference AS
WITH touched AS
(
    SELECT toStartOfMinute(min(occurred_at)) AS low, toStartOfMinute(max(occurred_at)) AS high
    FROM shopper_activity
    WHERE kafka_partition = {partition:UInt16} AND kafka_offset BETWEEN {first:UInt64} AND {last:UInt64}
)
SELECT minute, type, kafka_partition, sum(cell.events) AS events
FROM
(
    SELECT toStartOfMinute(occurred_at) AS minute, type, kafka_partition, toInt64(count()) AS events
    FROM shopper_activity
    WHERE kafka_partition = {partition:UInt16}
        AND occurred_at >= (SELECT low FROM touched)
        AND toStartOfMinute(occurred_at) <= (SELECT high FROM touched)
    GROUP BY minute, type, kafka_partition
    UNION ALL
    SELECT minute, type, kafka_partition, -events
    FROM shopper_activity_per_minute
    WHERE kafka_partition = {partition:UInt16}
        AND minute BETWEEN (SELECT low FROM touched) AND (SELECT high FROM touched)
) AS cell
GROUP BY minute, type, kafka_partition
HAVING events != 0;

CREATE VIEW IF NOT EXISTS sales_per_minute_difference AS
WITH touched AS
(
    SELECT toStartOfMinute(min(occurred_at)) AS low, toStartOfMinute(max(occurred_at)) AS high
    FROM sales
    WHERE kafka_partition = {partition:UInt16} AND kafka_offset BETWEEN {first:UInt64} AND {last:UInt64}
)
SELECT
    minute,
    currency,
    product_id,
    kafka_partition,
    sum(cell.orders) AS orders,
    sum(cell.lines) AS lines,
    sum(cell.units) AS units,
    sum(cell.gross) AS gross,
    sum(cell.refunds) AS refunds,
    sum(cell.net) AS net
FROM
(
    SELECT
        toStartOfMinute(occurred_at) AS minute,
        currency,
        product_id,
        kafka_partition,
        toInt64(countIf(kind = 'sale' AND line = 0)) AS orders,
        toInt64(countIf(kind = 'sale')) AS lines,
        sum(quantity) AS units,
        sumIf(amount_minor, kind = 'sale') AS gross,
        -sumIf(amount_minor, kind != 'sale') AS refunds,
        sum(amount_minor) AS net
    FROM sales
    WHERE kafka_partition = {partition:UInt16}
        AND occurred_at >= (SELECT low FROM touched)
        AND toStartOfMinute(occurred_at) <= (SELECT high FROM touched)
    GROUP BY minute, currency, product_id, kafka_partition
    UNION ALL
    SELECT minute, currency, product_id, kafka_partition, -orders, -lines, -units, -gross, -refunds, -net
    FROM sales_per_minute
    WHERE kafka_partition = {partition:UInt16}
        AND minute BETWEEN (SELECT low FROM touched) AND (SELECT high FROM touched)
) AS cell
GROUP BY minute, currency, product_id, kafka_partition
HAVING orders != 0 OR lines != 0 OR units != 0 OR gross != 0 OR refunds != 0 OR net != 0;

CREATE VIEW IF NOT EXISTS sales_per_hour_difference AS
WITH touched AS
(
    SELECT toStartOfHour(min(occurred_at)) AS low, toStartOfHour(max(occurred_at)) AS high
    FROM sales
    WHERE kafka_partition = {partition:UInt16} AND kafka_offset BETWEEN {first:UInt64} AND {last:UInt64}
)
SELECT
    hour,
    currency,
    product_id,
    kafka_partition,
    sum(cell.orders) AS orders,
    sum(cell.lines) AS lines,
    sum(cell.units) AS units,
    sum(cell.gross) AS gross,
    sum(cell.refunds) AS refunds,
    sum(cell.net) AS net
FROM
(
    SELECT
        toStartOfHour(occurred_at) AS hour,
        currency,
        product_id,
        kafka_partition,
        toInt64(countIf(kind = 'sale' AND line = 0)) AS orders,
        toInt64(countIf(kind = 'sale')) AS lines,
        sum(quantity) AS units,
        sumIf(amount_minor, kind = 'sale') AS gross,
        -sumIf(amount_minor, kind != 'sale') AS refunds,
        sum(amount_minor) AS net
    FROM sales
    WHERE kafka_partition = {partition:UInt16}
        AND occurred_at >= (SELECT low FROM touched)
        AND toStartOfHour(occurred_at) <= (SELECT high FROM touched)
    GROUP BY hour, currency, product_id, kafka_partition
    UNION ALL
    SELECT hour, currency, product_id, kafka_partition, -orders, -lines, -units, -gross, -refunds, -net
    FROM sales_per_hour
    WHERE kafka_partition = {partition:UInt16}
        AND hour BETWEEN (SELECT low FROM touched) AND (SELECT high FROM touched)
) AS cell
GROUP BY hour, currency, product_id, kafka_partition
HAVING orders != 0 OR lines != 0 OR units != 0 OR gross != 0 OR refunds != 0 OR net != 0;

CREATE VIEW IF NOT EXISTS sales_per_day_difference AS
WITH touched AS
(
    SELECT toStartOfDay(min(occurred_at)) AS low, toStartOfDay(max(occurred_at)) AS high
    FROM sales
    WHERE kafka_partition = {partition:UInt16} AND kafka_offset BETWEEN {first:UInt64} AND {last:UInt64}
)
SELECT
    day,
    currency,
    product_id,
    kafka_partition,
    sum(cell.orders) AS orders,
    sum(cell.lines) AS lines,
    sum(cell.units) AS units,
    sum(cell.gross) AS gross,
    sum(cell.refunds) AS refunds,
    sum(cell.net) AS net
FROM
(
    SELECT
        toStartOfDay(occurred_at) AS day,
        currency,
        product_id,
        kafka_partition,
        toInt64(countIf(kind = 'sale' AND line = 0)) AS orders,
        toInt64(countIf(kind = 'sale')) AS lines,
        sum(quantity) AS units,
        sumIf(amount_minor, kind = 'sale') AS gross,
        -sumIf(amount_minor, kind != 'sale') AS refunds,
        sum(amount_minor) AS net
    FROM sales
    WHERE kafka_partition = {partition:UInt16}
        AND occurred_at >= (SELECT low FROM touched)
        AND toStartOfDay(occurred_at) <= (SELECT high FROM touched)
    GROUP BY day, currency, product_id, kafka_partition
    UNION ALL
    SELECT day, currency, product_id, kafka_partition, -orders, -lines, -units, -gross, -refunds, -net
    FROM sales_per_day
    WHERE kafka_partition = {partition:UInt16}
        AND day BETWEEN (SELECT low FROM touched) AND (SELECT high FROM touched)
) AS cell
GROUP BY day, currency, product_id, kafka_partition
HAVING orders != 0 OR lines != 0 OR units != 0 OR gross != 0 OR refunds != 0 OR net != 0;
