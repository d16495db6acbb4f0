-- What inventory last said of the order's pieces.
ALTER TABLE orders ADD COLUMN stock_status text NOT NULL DEFAULT 'pending'
  CHECK (stock_status IN ('pending', 'held', 'rejected', 'committed', 'released'));
UPDATE orders SET stock_status = CASE last.type
  WHEN 'StockReserved' THEN 'held' WHEN 'StockRejected' THEN 'rejected' WHEN 'StockReleased' THEN 'released'
  ELSE 'committed' END
FROM (SELECT DISTINCT ON (order_id) order_id, type FROM order_events WHERE type LIKE 'Stock%'
      ORDER BY order_id, seq DESC) AS last
WHERE last.order_id = orders.order_id;

-- A refund is a row from the return on that makes it due; null until the money has gone back.
ALTER TABLE refunds ALTER COLUMN refunded_at DROP NOT NULL, ADD COLUMN failed_for text;
INSERT INTO refunds (refund_id, order_id, amount_minor)
SELECT (data->>'returnId')::uuid, order_id, (data->>'refundMinor')::bigint FROM order_events
WHERE type = 'OrderReturned' ON CONFLICT DO NOTHING;
ALTER TABLE orders ADD COLUMN refunds_open integer NOT NULL DEFAULT 0;
UPDATE orders SET refunds_open = open.refunds
FROM (SELECT order_id, count(*) AS refunds FROM refunds WHERE refunded_at IS NULL GROUP BY order_id) AS open
WHERE open.order_id = orders.order_id;

-- Whose answer the order's saga still needs; empty once everything that had to follow has followed.
ALTER TABLE orders ADD COLUMN waits_for text[] NOT NULL GENERATED ALWAYS AS (array_remove(ARRAY[
  CASE WHEN status = 'pending' THEN 'stock_reservation' END,
  CASE WHEN status IN ('reserved', 'paid') THEN 'payment_authorization' END,
  CASE WHEN status IN ('confirmed', 'returned') AND payment_status IN ('pending', 'authorized') THEN 'payment_capture' END,
  CASE WHEN status IN ('confirmed', 'returned') AND stock_status <> 'committed' THEN 'stock_commit' END,
  CASE WHEN refunds_open > 0 THEN 'refund' END,
  CASE WHEN status = 'cancelled' AND payment_status = 'authorized' THEN 'payment_void' END,
  CASE WHEN status = 'cancelled' AND stock_status IN ('held', 'committed') THEN 'stock_release' END
], NULL)) STORED;
CREATE INDEX orders_unsettled ON orders (order_id) WHERE waits_for <> '{}';
