-- What a product is called, for answers that name it. The newest version stays; the same version twice is one.
CREATE TABLE IF NOT EXISTS products
(
    kafka_partition UInt16,
    kafka_offset UInt64,
    product_id String,
    version UInt32,
    name String,
    category LowCardinality(String),
    brand Nullable(String),
    price_minor Int64,
    currency LowCardinality(String),
    active Bool,
    created_at DateTime64(3, 'UTC'),
    occurred_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(version)
ORDER BY product_id
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000;
