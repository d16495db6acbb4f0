-- Offsets that Kafka had deleted before clickhouse-ingest came to read them: from from_offset up to, and without, to_offset.
-- One that is noticed again, because nothing was ingested between two starts, replaces itself.
CREATE TABLE IF NOT EXISTS ingest_lost_ranges
(
    topic LowCardinality(String),
    partition UInt16,
    from_offset UInt64,
    to_offset UInt64,
    noticed_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(to_offset)
ORDER BY (topic, partition, from_offset);
