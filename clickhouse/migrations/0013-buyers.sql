-- Who bought, as states that merge: the number of different buyers over several buckets or products is that of the merged
-- states (uniqExactMerge), never a sum. Guests have no account and are not among them. Cells from before have nobody, until
-- `npm run backfill -- --table sales`. A state needs no view and no part of its own here, because SummingMergeTree merges it
-- beside the sums. Visits have none: it would cost every insert of activity a ninth (ADR 5), and visit_key counts them.
ALTER TABLE sales_per_minute ADD COLUMN IF NOT EXISTS buyers AggregateFunction(uniqExact, UInt64);

ALTER TABLE sales_per_minute_mv MODIFY QUERY
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
    sum(amount_minor) AS net,
    uniqExactStateIf(user_key, kind = 'sale' AND user_key != 0) AS buyers
FROM sales
GROUP BY minute, currency, product_id, kafka_partition;

DROP VIEW IF EXISTS sales_per_minute_difference;

-- A state cannot be subtracted. All buyers of a cell are added again where some miss, which changes nothing about the rest.
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
    sum(cell.net) AS net,
    uniqExactMergeStateIf(cell.who, cell.is_raw) AS buyers
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
        sum(amount_minor) AS net,
        uniqExactStateIf(user_key, kind = 'sale' AND user_key != 0) AS who,
        true AS is_raw
    FROM sales
    WHERE kafka_partition = {partition:UInt16}
        AND occurred_at >= (SELECT low FROM touched)
        AND toStartOfMinute(occurred_at) <= (SELECT high FROM touched)
    GROUP BY minute, currency, product_id, kafka_partition
    UNION ALL
    SELECT
        minute, currency, product_id, kafka_partition, -orders, -lines, -units, -gross, -refunds, -net, buyers, false
    FROM sales_per_minute
    WHERE kafka_partition = {partition:UInt16}
        AND minute BETWEEN (SELECT low FROM touched) AND (SELECT high FROM touched)
) AS cell
GROUP BY minute, currency, product_id, kafka_partition
HAVING orders != 0 OR lines != 0 OR units != 0 OR gross != 0 OR refunds != 0 OR net != 0
    OR uniqExactMergeIf(cell.who, cell.is_raw) != uniqExactMergeIf(cell.who, NOT cell.is_raw);

ALTER TABLE sales_per_hour ADD COLUMN IF NOT EXISTS buyers AggregateFunction(uniqExact, UInt64);

ALTER TABLE sales_per_hour_mv MODIFY QUERY
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
    sum(amount_minor) AS net,
    uniqExactStateIf(user_key, kind = 'sale' AND user_key != 0) AS buyers
FROM sales
GROUP BY hour, currency, product_id, kafka_partition;

DROP VIEW IF EXISTS sales_per_hour_difference;

-- A state cannot be subtracted. All buyers of a cell are added again where some miss, which changes nothing about the rest.
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
    sum(cell.net) AS net,
    uniqExactMergeStateIf(cell.who, cell.is_raw) AS buyers
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
        sum(amount_minor) AS net,
        uniqExactStateIf(user_key, kind = 'sale' AND user_key != 0) AS who,
        true AS is_raw
    FROM sales
    WHERE kafka_partition = {partition:UInt16}
        AND occurred_at >= (SELECT low FROM touched)
        AND toStartOfHour(occurred_at) <= (SELECT high FROM touched)
    GROUP BY hour, currency, product_id, kafka_partition
    UNION ALL
    SELECT
        hour, currency, product_id, kafka_partition, -orders, -lines, -units, -gross, -refunds, -net, buyers, false
    FROM sales_per_hour
    WHERE kafka_partition = {partition:UInt16}
        AND hour BETWEEN (SELECT low FROM touched) AND (SELECT high FROM touched)
) AS cell
GROUP BY hour, currency, product_id, kafka_partition
HAVING orders != 0 OR lines != 0 OR units != 0 OR gross != 0 OR refunds != 0 OR net != 0
    OR uniqExactMergeIf(cell.who, cell.is_raw) != uniqExactMergeIf(cell.who, NOT cell.is_raw);

ALTER TABLE sales_per_day ADD COLUMN IF NOT EXISTS buyers AggregateFunction(uniqExact, UInt64);

ALTER TABLE sales_per_day_mv MODIFY QUERY
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
    sum(amount_minor) AS net,
    uniqExactStateIf(user_key, kind = 'sale' AND user_key != 0) AS buyers
FROM sales
GROUP BY day, currency, product_id, kafka_partition;

DROP VIEW IF EXISTS sales_per_day_difference;

-- A state cannot be subtracted. All buyers of a cell are added again where some miss, which changes nothing about the rest.
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
    sum(cell.net) AS net,
    uniqExactMergeStateIf(cell.who, cell.is_raw) AS buyers
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
        sum(amount_minor) AS net,
        uniqExactStateIf(user_key, kind = 'sale' AND user_key != 0) AS who,
        true AS is_raw
    FROM sales
    WHERE kafka_partition = {partition:UInt16}
        AND occurred_at >= (SELECT low FROM touched)
        AND toStartOfDay(occurred_at) <= (SELECT high FROM touched)
    GROUP BY day, currency, product_id, kafka_partition
    UNION ALL
    SELECT
        day, currency, product_id, kafka_partition, -orders, -lines, -units, -gross, -refunds, -net, buyers, false
    FROM sales_per_day
    WHERE kafka_partition = {partition:UInt16}
        AND day BETWEEN (SELECT low FROM touched) AND (SELECT high FROM touched)
) AS cell
GROUP BY day, currency, product_id, kafka_partition
HAVING orders != 0 OR lines != 0 OR units != 0 OR gross != 0 OR refunds != 0 OR net != 0
    OR uniqExactMergeIf(cell.who, cell.is_raw) != uniqExactMergeIf(cell.who, NOT cell.is_raw);
