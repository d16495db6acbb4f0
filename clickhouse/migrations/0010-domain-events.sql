-- Every event of the domain's topics, as it is on the topic: the envelope as columns, the payload as JSON. A payload beyond
-- 64 KiB is an empty object, and payload_bytes says how large it was. The topics contain ids, never a name, an address or a
-- token, so this table has no personal data beyond them.
CREATE TABLE IF NOT EXISTS domain_events
(
    topic LowCardinality(String),
    kafka_partition UInt16,
    kafka_offset UInt64 CODEC(Delta, ZSTD(1)),
    event_id String,
    key String,
    type LowCardinality(String),
    occurred_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    correlation_id String,
    causation_id String,
    payload String CODEC(ZSTD(1)),
    payload_bytes UInt32,
    INDEX occurred_at_range occurred_at TYPE minmax GRANULARITY 1,
    INDEX keys key TYPE bloom_filter GRANULARITY 4,
    INDEX correlation_ids correlation_id TYPE bloom_filter GRANULARITY 4
)
ENGINE = MergeTree
ORDER BY (topic, kafka_partition, kafka_offset)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000,
    min_bytes_for_wide_part = 67108864;
