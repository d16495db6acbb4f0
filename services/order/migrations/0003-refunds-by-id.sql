-- What went back to the buyer, one row a refund. What an order shows of it is the sum of these rows, so that a refund
-- whose event comes a second time counts once.
CREATE TABLE refunds (
  refund_id    uuid        PRIMARY KEY,
  order_id     uuid        NOT NULL,
  amount_minor bigint      NOT NULL CHECK (amount_minor >= 0),
  refunded_at  timestamptz NOT NULL
);
CREATE INDEX refunds_of_order ON refunds (order_id);
INSERT INTO refunds (refund_id, order_id, amount_minor, refunded_at)
SELECT (data->>'refundId')::uuid, order_id, (data->>'amountMinor')::bigint, occurred_at FROM order_events
WHERE type = 'PaymentRefunded' AND data->>'refundId' IS NOT NULL
ON CONFLICT DO NOTHING;
ALTER TABLE orders DROP COLUMN refunded_minor;
