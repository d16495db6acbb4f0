-- The twin of stream-jobs/windows/live-figures.ts: visitors, and orders and money by currency, of every ten seconds.
CREATE TABLE visitors (window_start TIMESTAMP(3), visitors BIGINT) WITH (${SINK:visitors});

CREATE TABLE money (
  window_start TIMESTAMP(3),
  currency STRING,
  orders BIGINT,
  gmv BIGINT,
  refunds BIGINT
) WITH (${SINK:money});

BEGIN STATEMENT SET;

INSERT INTO visitors
SELECT window_start, COUNT(DISTINCT visit_id)
FROM TABLE(TUMBLE(TABLE shopper_activity, DESCRIPTOR(occurred_at), INTERVAL '10' SECOND))
GROUP BY window_start, window_end;

INSERT INTO money
SELECT
  window_start,
  currency,
  COUNT(*) FILTER (WHERE kind = 'sale' AND line = 0),
  COALESCE(SUM(amount_minor) FILTER (WHERE kind = 'sale'), 0),
  COALESCE(-SUM(amount_minor) FILTER (WHERE kind <> 'sale'), 0)
FROM TABLE(TUMBLE(TABLE sales, DESCRIPTOR(occurred_at), INTERVAL '10' SECOND))
GROUP BY window_start, window_end, currency;

END;
