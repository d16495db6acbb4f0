-- The counts under "bought together" of stream-jobs/item-similarity: in how many orders of a window two products stand. The
-- job adds them up for ever and lets them fade; the sum over all windows is its count without fading. The lines of an order
-- have the same time, so they are in the same window.
CREATE TABLE bought_together (
  window_start TIMESTAMP(3),
  product_id STRING,
  other_product_id STRING,
  orders BIGINT
) WITH (${SINK:bought-together});

CREATE VIEW sold AS
SELECT order_id, product_id, occurred_at FROM sales WHERE kind = 'sale';

INSERT INTO bought_together
SELECT window_start, product_id, other_product_id, COUNT(DISTINCT order_id)
FROM (
  SELECT
    line.window_start AS window_start,
    line.window_end AS window_end,
    line.order_id AS order_id,
    line.product_id AS product_id,
    other_line.product_id AS other_product_id
  FROM (SELECT * FROM TABLE(TUMBLE(TABLE sold, DESCRIPTOR(occurred_at), ${PERFORMANCE_WINDOW}))) AS line
  JOIN (SELECT * FROM TABLE(TUMBLE(TABLE sold, DESCRIPTOR(occurred_at), ${PERFORMANCE_WINDOW}))) AS other_line
  ON line.order_id = other_line.order_id
    AND line.window_start = other_line.window_start
    AND line.window_end = other_line.window_end
    AND line.product_id <> other_line.product_id
)
GROUP BY window_start, window_end, product_id, other_product_id;
