CREATE TABLE payments (
  payment_id     uuid        PRIMARY KEY,
  order_id       uuid        NOT NULL UNIQUE,
  status         text        NOT NULL CHECK (status IN ('awaiting_order', 'awaiting_stock', 'authorizing', 'authorized',
                                             'declined', 'capturing', 'captured', 'voiding', 'voided', 'aborted')),
  -- The charge is null until the order's own event has arrived.
  user_id        uuid,
  amount_minor   bigint      CHECK (amount_minor >= 0),
  currency       text,
  method         text,
  -- Kept only until the provider has answered.
  token          text,
  cancelled_for  text,
  reason         text,
  refunds        jsonb       NOT NULL DEFAULT '[]',
  refunded_minor bigint      NOT NULL DEFAULT 0,
  created_at     timestamptz NOT NULL,
  updated_at     timestamptz NOT NULL,
  CHECK (refunded_minor >= 0 AND refunded_minor <= coalesce(amount_minor, 0))
) WITH (fillfactor = 80);
CREATE INDEX payments_by_user ON payments (user_id, payment_id DESC) WHERE user_id IS NOT NULL;

-- What the provider is to be asked. Written with the decision that needs it, made outside any transaction.
CREATE TABLE provider_calls (
  key             text        PRIMARY KEY,
  seq             bigint      GENERATED ALWAYS AS IDENTITY,
  payment_id      uuid        NOT NULL REFERENCES payments,
  kind            text        NOT NULL CHECK (kind IN ('authorize', 'capture', 'void', 'refund')),
  amount_minor    bigint      NOT NULL,
  refund_id       uuid,
  is_open         boolean     NOT NULL DEFAULT true,
  attempts        integer     NOT NULL DEFAULT 0,
  due_at          timestamptz NOT NULL,
  -- While it lasts, one worker is at it. Longer than a call may take.
  leased_until    timestamptz,
  last_error      text,
  correlation_id  text        NOT NULL,
  causation_id    text,
  traceparent     text,
  created_at      timestamptz NOT NULL
);
CREATE INDEX provider_calls_due ON provider_calls (due_at) WHERE is_open;
CREATE INDEX provider_calls_open ON provider_calls (payment_id, seq) WHERE is_open;

-- The sandbox provider's own books. Nothing but the sandbox reads or writes them.
CREATE TABLE sandbox_ledger (
  key          text        PRIMARY KEY,
  kind         text        NOT NULL,
  status       text        NOT NULL,
  reason       text,
  amount_minor bigint      NOT NULL,
  refers_to    text,
  created_at   timestamptz NOT NULL
);
CREATE INDEX sandbox_ledger_refers_to ON sandbox_ledger (refers_to) WHERE refers_to IS NOT NULL;
CREATE TABLE sandbox_attempts (key text PRIMARY KEY, attempts integer NOT NULL);
