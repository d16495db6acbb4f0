-- What went back so far: the order's status says what was sent back, its money follows later.
ALTER TABLE orders ADD COLUMN refunded_minor bigint NOT NULL DEFAULT 0;
UPDATE orders SET refunded_minor = refunds.amount_minor
FROM (SELECT order_id, sum((data->>'amountMinor')::bigint) AS amount_minor FROM order_events
      WHERE type = 'PaymentRefunded' GROUP BY order_id) AS refunds
WHERE refunds.order_id = orders.order_id;
UPDATE orders SET payment_status = 'partially_refunded'
WHERE payment_status = 'refunded' AND refunded_minor < total_minor;

COMMENT ON COLUMN orders.guest_token_hash IS
  'SHA-256 of the token a guest was given. For 24 hours the token itself is in idempotency_keys, in the answer that is given again to a repeat of the order.';
