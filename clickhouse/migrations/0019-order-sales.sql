-- sales once more with a row for each order, moment, currency and account, so that a question about orders or buyers reads a
-- row where it would read and group all lines. Made like visit_actions (0018, ADR 49): what it has not come to is read from
-- sales. Orders, users and products are keys (0011).
CREATE TABLE IF NOT EXISTS order_sales
(
    source UUID COMMENT 'The table that it was made of: a rebuilt sales is another one',
    batch UInt64,
    order_key UInt64,
    at DateTime64(3, 'UTC') CODEC(T64, LZ4),
    user_key UInt64 COMMENT '0 for a guest',
    currency LowCardinality(String),
    is_sale Bool COMMENT 'False where it has refunds only',
    orders UInt32 COMMENT 'First lines sold: 1, but where a sale was sent twice, or the line is elsewhere',
    amount Int64 COMMENT 'Minor units, less refunds of this moment',
    product_keys Array(UInt64) COMMENT 'Of the lines sold, each once'
)
ENGINE = MergeTree
PARTITION BY source
ORDER BY at
SETTINGS min_bytes_for_wide_part = 67108864;

CREATE TABLE IF NOT EXISTS sold_products
(
    product_key UInt64,
    product_id String
)
ENGINE = ReplacingMergeTree
ORDER BY product_key;

-- As visit_batches.
CREATE TABLE IF NOT EXISTS order_batches
(
    source UUID,
    batch UInt64,
    after String,
    upto String,
    rows UInt64 COMMENT 'Of sales',
    orders UInt64 COMMENT 'Rows of order_sales',
    made_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
ORDER BY (source, batch);

-- The orders of a batch that are sold in several rows of it and of earlier batches.
CREATE TABLE IF NOT EXISTS order_continuations
(
    source UUID,
    batch UInt64,
    order_key UInt64
)
ENGINE = MergeTree
ORDER BY (source, batch);
