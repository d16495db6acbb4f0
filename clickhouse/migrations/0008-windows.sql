-- What stream-jobs/windows computes. A visit is written once, when it has ended. See 0002 for the order, 0007 for the parts.
CREATE TABLE IF NOT EXISTS visits
(
    kafka_partition UInt16,
    kafka_offset UInt64 CODEC(Delta, ZSTD(1)),
    event_id String,
    visit_id String,
    user_id Nullable(String),
    started_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    entry_product_id Nullable(String),
    exit_product_id Nullable(String),
    path String,
    actions Int32,
    views Int32,
    adds Int32,
    removes Int32,
    searches Int32,
    clicks Int32,
    checkouts Int32,
    orders Int32,
    abandoned Bool,
    occurred_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    INDEX occurred_at_range occurred_at TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
ORDER BY (kafka_partition, kafka_offset)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000,
    min_bytes_for_wide_part = 67108864;

-- Rows of these two replace each other while their window is open: the highest revision is the one that counts.
CREATE TABLE IF NOT EXISTS stock_outs
(
    kafka_partition UInt16,
    kafka_offset UInt64,
    event_id String,
    order_id String,
    product_id String,
    revision UInt32,
    category LowCardinality(Nullable(String)),
    requested Int32,
    available Int32,
    unit_price_minor Nullable(Int64),
    lost_minor Int64,
    currency LowCardinality(Nullable(String)),
    user_id Nullable(String),
    occurred_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    INDEX occurred_at_range occurred_at TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (order_id, product_id)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000,
    min_bytes_for_wide_part = 67108864;

CREATE TABLE IF NOT EXISTS fraud_signals
(
    kafka_partition UInt16,
    kafka_offset UInt64,
    event_id String,
    signal_id String,
    revision UInt32,
    kind LowCardinality(String),
    buyer String,
    user_id Nullable(String),
    order_id String,
    count Int32,
    amount_minor Int64,
    currency LowCardinality(Nullable(String)),
    detail String,
    occurred_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    INDEX occurred_at_range occurred_at TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY signal_id
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000,
    min_bytes_for_wide_part = 67108864;
