-- A field that only the first sender may have is not in the body: of its value a digest is kept, to know it again.
ALTER TABLE idempotency_keys ADD COLUMN secret_field text, ADD COLUMN secret_hash bytea;
