-- The twin of stream-jobs/windows/product-performance.ts: what shoppers did with a product in a window, without a currency,
-- and its sales in each currency.
CREATE TABLE product_performance (
  product_id STRING,
  currency STRING,
  from_at TIMESTAMP(3),
  `views` BIGINT,
  adds BIGINT,
  removes BIGINT,
  `lines` BIGINT,
  units BIGINT,
  gross_minor BIGINT,
  returned_units BIGINT,
  refunded_minor BIGINT,
  lowest_price_minor BIGINT,
  highest_price_minor BIGINT,
  occurred_at TIMESTAMP(3)
) WITH (${SINK:product-performance});

CREATE VIEW product_actions AS
SELECT * FROM shopper_activity
WHERE product_id IS NOT NULL AND `type` IN ('product_viewed', 'product_added', 'product_removed');

CREATE VIEW priced_sales AS
SELECT *, CASE WHEN quantity > 0 THEN amount_minor / quantity END AS price_minor FROM sales;

BEGIN STATEMENT SET;

INSERT INTO product_performance
SELECT
  product_id,
  CAST(NULL AS STRING),
  window_start,
  COUNT(*) FILTER (WHERE `type` = 'product_viewed'),
  COUNT(*) FILTER (WHERE `type` = 'product_added'),
  COUNT(*) FILTER (WHERE `type` = 'product_removed'),
  CAST(0 AS BIGINT),
  CAST(0 AS BIGINT),
  CAST(0 AS BIGINT),
  CAST(0 AS BIGINT),
  CAST(0 AS BIGINT),
  CAST(NULL AS BIGINT),
  CAST(NULL AS BIGINT),
  MAX(occurred_at)
FROM TABLE(TUMBLE(TABLE product_actions, DESCRIPTOR(occurred_at), ${PERFORMANCE_WINDOW}))
GROUP BY product_id, window_start, window_end;

INSERT INTO product_performance
SELECT
  product_id,
  currency,
  window_start,
  CAST(0 AS BIGINT),
  CAST(0 AS BIGINT),
  CAST(0 AS BIGINT),
  COUNT(*) FILTER (WHERE quantity > 0),
  COALESCE(SUM(CAST(quantity AS BIGINT)) FILTER (WHERE quantity > 0), 0),
  COALESCE(SUM(amount_minor) FILTER (WHERE quantity > 0), 0),
  COALESCE(-SUM(CAST(quantity AS BIGINT)) FILTER (WHERE quantity <= 0), 0),
  COALESCE(-SUM(amount_minor) FILTER (WHERE quantity <= 0), 0),
  MIN(price_minor),
  MAX(price_minor),
  MAX(occurred_at)
FROM TABLE(TUMBLE(TABLE priced_sales, DESCRIPTOR(occurred_at), ${PERFORMANCE_WINDOW}))
GROUP BY product_id, currency, window_start, window_end;

END;
