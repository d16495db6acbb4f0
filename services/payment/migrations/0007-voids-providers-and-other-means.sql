-- Whether the order has heard of an authorisation that is to be voided, and so waits to hear that it is given up.
ALTER TABLE payments ADD COLUMN was_authorized boolean NOT NULL DEFAULT false;
-- A void that found nothing any more told nobody, and the order waits since. It is asked for once more, and told then.
WITH untold AS (
  UPDATE payments p SET status = 'voiding', was_authorized = true
  WHERE status IN ('voiding', 'aborted') AND EXISTS (
    SELECT FROM provider_calls c
    WHERE c.payment_id = p.payment_id AND c.kind = 'authorize' AND c.answer = 'authorized')
  RETURNING payment_id
)
UPDATE provider_calls c SET is_open = true, due_at = now() FROM untold
WHERE c.payment_id = untold.payment_id AND c.kind = 'void';
-- By which provider the payment is made. Null for those of before, which go to the one that is set for their method.
ALTER TABLE payments ADD COLUMN provider text;
-- Refunds that the provider has refused and staff have paid by other means, with how and why.
CREATE TABLE refunds_paid_otherwise (
  refund_id    uuid        PRIMARY KEY,
  payment_id   uuid        NOT NULL REFERENCES payments,
  amount_minor bigint      NOT NULL,
  reason       text        NOT NULL,
  noted_by     uuid        NOT NULL,
  noted_at     timestamptz NOT NULL
);
CREATE INDEX refunds_paid_otherwise_of_payment ON refunds_paid_otherwise (payment_id);
