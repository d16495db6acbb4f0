-- After a declined authorisation the buyer may try again until then.
ALTER TABLE payments ADD COLUMN retry_until timestamptz, ADD COLUMN tries integer NOT NULL DEFAULT 1;
-- What the provider has answered to each call: the payment's history.
ALTER TABLE provider_calls ADD COLUMN answer text, ADD COLUMN answered_at timestamptz;
-- Refunds that staff have asked for, with the reason for them.
CREATE TABLE refund_requests (
  refund_id    uuid        PRIMARY KEY,
  payment_id   uuid        NOT NULL REFERENCES payments,
  amount_minor bigint      NOT NULL CHECK (amount_minor > 0),
  reason       text        NOT NULL,
  requested_by uuid        NOT NULL,
  created_at   timestamptz NOT NULL
);
CREATE INDEX refund_requests_of_payment ON refund_requests (payment_id);
