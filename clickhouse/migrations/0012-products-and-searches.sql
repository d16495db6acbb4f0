-- What stream-jobs/windows computes of products and searches, written once. See 0002 for the order, 0007 for the parts.
CREATE TABLE IF NOT EXISTS product_performance
(
    kafka_partition UInt16,
    kafka_offset UInt64 CODEC(Delta, ZSTD(1)),
    event_id String,
    product_id String,
    currency LowCardinality(Nullable(String)),
    from_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    views Int32,
    adds Int32,
    removes Int32,
    lines Int32,
    units Int32,
    gross_minor Int64,
    returned_units Int32,
    refunded_minor Int64,
    lowest_price_minor Nullable(Int64),
    highest_price_minor Nullable(Int64),
    occurred_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    INDEX occurred_at_range occurred_at TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
ORDER BY (kafka_partition, kafka_offset)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000,
    min_bytes_for_wide_part = 67108864;

CREATE TABLE IF NOT EXISTS searches
(
    kafka_partition UInt16,
    kafka_offset UInt64 CODEC(Delta, ZSTD(1)),
    event_id String,
    visit_id String,
    user_id Nullable(String),
    nth Int32,
    term String,
    product_id Nullable(String),
    viewed_at Nullable(DateTime64(3, 'UTC')),
    added_at Nullable(DateTime64(3, 'UTC')),
    occurred_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    INDEX occurred_at_range occurred_at TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
ORDER BY (kafka_partition, kafka_offset)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000,
    min_bytes_for_wide_part = 67108864;
