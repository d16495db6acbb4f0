-- What clickhouse-ingest is about to insert, stored before it inserts it: a block is the records of one Kafka
-- partition from first_offset to last_offset, less the excluded ones. A partition's blocks follow one another
-- without gaps and are inserted one at a time, so of all of them only the newest can be unfinished.
CREATE TABLE IF NOT EXISTS ingest_blocks
(
    topic LowCardinality(String),
    partition UInt16,
    first_offset UInt64,
    last_offset UInt64,
    epoch UInt64 COMMENT 'Of the owner that claimed it; a block of a later owner replaces one with the same first_offset',
    attempt UInt16 COMMENT 'Raised when the block has to be inserted under a new deduplication token',
    schema_ids Array(UInt32),
    rows UInt64,
    excluded Array(Tuple(offset UInt64, reason LowCardinality(String), detail String)),
    claimed_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
ORDER BY (topic, partition, first_offset, epoch, attempt)
TTL toDateTime(claimed_at) + INTERVAL 30 DAY
SETTINGS ttl_only_drop_parts = 0;

-- Who may claim blocks of a partition: the owner with the greatest epoch. One who finds a greater epoch than its
-- own after it has claimed a block must not insert it.
CREATE TABLE IF NOT EXISTS ingest_owners
(
    topic LowCardinality(String),
    partition UInt16,
    epoch UInt64,
    owner String,
    since DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
ORDER BY (topic, partition, epoch);
