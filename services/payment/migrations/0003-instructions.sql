-- What is charged, and by which token, comes on a topic of its own.
ALTER TABLE payments DROP CONSTRAINT payments_status_check;
UPDATE payments SET status = 'awaiting_instruction' WHERE status = 'awaiting_order';
ALTER TABLE payments ADD CONSTRAINT payments_status_check CHECK (status IN (
  'awaiting_instruction', 'awaiting_stock', 'authorizing', 'authorized', 'declined', 'capturing', 'renewing', 'captured',
  'failed', 'voiding', 'voided', 'aborted'));
