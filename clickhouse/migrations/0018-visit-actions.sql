-- shopper_activity once more with one row for each visit, so that a question about visits reads a row where it would read and
-- group all actions. The analytics service makes it, a batch of Kafka offsets after the other, while somebody asks such
-- questions; what it has not come to is read from shopper_activity (ADR 49). Users and visits are keys (0011).
CREATE TABLE IF NOT EXISTS visit_actions
(
    source UUID COMMENT 'The table that it was made of: a rebuilt shopper_activity is another one',
    batch UInt64,
    visit_key UInt64,
    first_at DateTime64(3, 'UTC') CODEC(T64, LZ4),
    last_at DateTime64(3, 'UTC') CODEC(T64, LZ4),
    accounts Array(UInt64) COMMENT 'Each once',
    account_ats Array(Array(DateTime64(3, 'UTC'))) COMMENT 'The actions of each account',
    product_viewed Array(DateTime64(3, 'UTC')) COMMENT 'These are in order',
    product_added Array(DateTime64(3, 'UTC')),
    product_removed Array(DateTime64(3, 'UTC')),
    checkout_started Array(DateTime64(3, 'UTC')),
    products_searched Array(DateTime64(3, 'UTC')),
    recommendation_shown Array(DateTime64(3, 'UTC')),
    recommendation_clicked Array(DateTime64(3, 'UTC')),
    terms Array(String) COMMENT 'Of the searches, as the two below',
    viewed_after Array(UInt64) COMMENT 'Milliseconds to the first view before the next search; the greatest number without one',
    added_after Array(UInt64) COMMENT 'Likewise to the first addition',
    INDEX last_at_range last_at TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY source
ORDER BY first_at
SETTINGS min_bytes_for_wide_part = 67108864;

-- The actions that have to do with recommendations, sorted as questions about them read them. Products are keys, of which
-- recommended_products has the ids.
CREATE TABLE IF NOT EXISTS recommendation_actions
(
    source UUID,
    batch UInt64,
    type LowCardinality(String),
    at DateTime64(3, 'UTC') CODEC(T64, LZ4),
    visit_key UInt64,
    product_key UInt64 COMMENT '0 for none',
    position Nullable(Int32),
    place UInt8 COMMENT 'The position, at most 49',
    label LowCardinality(String) COMMENT 'The recommendation_id of which only the label is left'
)
ENGINE = MergeTree
PARTITION BY source
ORDER BY (type, at)
SETTINGS min_bytes_for_wide_part = 67108864;

CREATE TABLE IF NOT EXISTS recommended_products
(
    product_key UInt64,
    product_id String
)
ENGINE = ReplacingMergeTree
ORDER BY product_key;

-- The batches that are whole. Each begins where another ends, the first at no offset: `after` and `upto` are the greatest
-- offset of each partition, as `0:17 1:4`. Of two with the same `after` the one with the lesser number counts.
CREATE TABLE IF NOT EXISTS visit_batches
(
    source UUID,
    batch UInt64,
    after String,
    upto String,
    rows UInt64 COMMENT 'Of shopper_activity',
    visits UInt64 COMMENT 'Of visit_actions',
    actions UInt64 COMMENT 'Of recommendation_actions',
    made_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
ORDER BY (source, batch);

-- The visits of a batch that earlier batches have a row of too.
CREATE TABLE IF NOT EXISTS visit_continuations
(
    source UUID,
    batch UInt64,
    visit_key UInt64
)
ENGINE = MergeTree
ORDER BY (source, batch);
