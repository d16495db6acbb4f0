-- Ordered by Kafka's coordinates: blocks arrive sorted, a block is one part and so there or not there as a whole,
-- and what is missing or double is found by a range of the primary key. Time is found by the index below, since
-- offsets grow with time.
CREATE TABLE IF NOT EXISTS shopper_activity
(
    kafka_partition UInt16,
    kafka_offset UInt64 CODEC(Delta, ZSTD(1)),
    event_id String,
    type LowCardinality(String),
    visit_id String,
    user_id Nullable(String),
    product_id Nullable(String),
    query Nullable(String),
    position Nullable(Int32),
    recommendation_id Nullable(String),
    occurred_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    INDEX occurred_at_range occurred_at TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
ORDER BY (kafka_partition, kafka_offset)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000;

-- Every rollup keeps the partition its rows came from: a partition has one writer, so its sums can be compared with
-- the raw table, and mended, while the other partitions go on.
CREATE TABLE IF NOT EXISTS shopper_activity_per_minute
(
    minute DateTime('UTC'),
    type LowCardinality(String),
    kafka_partition UInt16,
    events Int64
)
ENGINE = SummingMergeTree
ORDER BY (minute, type, kafka_partition)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS shopper_activity_per_minute_mv TO shopper_activity_per_minute AS
SELECT
    toStartOfMinute(occurred_at) AS minute,
    type,
    kafka_partition,
    count() AS events
FROM shopper_activity
GROUP BY minute, type, kafka_partition;
