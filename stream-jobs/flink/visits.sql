-- The twin of stream-jobs/windows/visits.ts, without the path, which SQL has no bounded aggregate for, and the orders,
-- which are on a topic of several record types. First and last are those of the text `<epoch ms> <value>`.
CREATE TABLE visits (
  visit_id STRING,
  started_at TIMESTAMP(3),
  occurred_at TIMESTAMP(3),
  user_id STRING,
  entry_product_id STRING,
  exit_product_id STRING,
  `actions` BIGINT,
  `views` BIGINT,
  adds BIGINT,
  removes BIGINT,
  searches BIGINT,
  clicks BIGINT,
  checkouts BIGINT,
  device STRING
) WITH (${SINK:visits});

CREATE VIEW shopper_actions AS
SELECT
  *,
  CONCAT(LPAD(CAST(TIMESTAMPDIFF(SECOND, TIMESTAMP '1970-01-01 00:00:00', occurred_at) AS STRING), 12, '0'),
    DATE_FORMAT(occurred_at, '.SSS'), ' ') AS at_text
FROM shopper_activity
WHERE `type` <> 'recommendation_shown';

INSERT INTO visits
SELECT
  visit_id,
  MIN(occurred_at),
  MAX(occurred_at),
  SUBSTRING(MAX(CASE WHEN user_id IS NOT NULL THEN CONCAT(at_text, user_id) END) FROM 18),
  SUBSTRING(MIN(CASE WHEN product_id IS NOT NULL AND `type` <> 'product_removed' THEN CONCAT(at_text, product_id) END) FROM 18),
  SUBSTRING(MAX(CASE WHEN product_id IS NOT NULL AND `type` <> 'product_removed' THEN CONCAT(at_text, product_id) END) FROM 18),
  COUNT(*),
  COUNT(*) FILTER (WHERE `type` = 'product_viewed'),
  COUNT(*) FILTER (WHERE `type` = 'product_added'),
  COUNT(*) FILTER (WHERE `type` = 'product_removed'),
  COUNT(*) FILTER (WHERE `type` = 'products_searched'),
  COUNT(*) FILTER (WHERE `type` = 'recommendation_clicked'),
  COUNT(*) FILTER (WHERE `type` = 'checkout_started'),
  SUBSTRING(MAX(CASE WHEN device IS NOT NULL THEN CONCAT(at_text, device) END) FROM 18)
FROM TABLE(SESSION(TABLE shopper_actions PARTITION BY visit_id, DESCRIPTOR(occurred_at), ${VISIT_GAP}))
GROUP BY visit_id, window_start, window_end;
