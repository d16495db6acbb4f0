ALTER TABLE payments DROP CONSTRAINT payments_status_check, ADD CONSTRAINT payments_status_check CHECK (status IN (
  'awaiting_order', 'awaiting_stock', 'authorizing', 'authorized', 'declined', 'capturing', 'renewing', 'captured',
  'failed', 'voiding', 'voided', 'aborted'));
-- True once the provider has been asked to renew an authorisation that it would not capture.
ALTER TABLE payments ADD COLUMN is_renewed boolean NOT NULL DEFAULT false;
ALTER TABLE provider_calls DROP CONSTRAINT provider_calls_kind_check, ADD CONSTRAINT provider_calls_kind_check CHECK (
  kind IN ('authorize', 'capture', 'renew', 'void', 'refund'));
-- First what was never tried: see `claim` in provider-calls.ts.
DROP INDEX provider_calls_due;
CREATE INDEX provider_calls_due ON provider_calls ((attempts > 0), due_at) WHERE is_open;
-- How the token of an authorisation lets what follows it fail.
ALTER TABLE sandbox_ledger ADD COLUMN behaviour text;
