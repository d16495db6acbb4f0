-- The answers of requests that carried an Idempotency-Key, written in the transaction of their effect.
CREATE TABLE idempotency_keys (
  principal    text        NOT NULL,
  key          text        NOT NULL,
  -- SHA-256 over method, path and canonical body: the same key with another of these is a mistake of the caller.
  request_hash bytea       NOT NULL,
  status       smallint    NOT NULL,
  headers      jsonb       NOT NULL,
  body         jsonb       NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (principal, key)
);

CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);
