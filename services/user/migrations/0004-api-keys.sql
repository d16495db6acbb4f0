CREATE TABLE api_keys (
  id           uuid        PRIMARY KEY,
  -- SHA-256: who reads the table cannot call with it.
  key_hash     bytea       NOT NULL UNIQUE,
  name         text        NOT NULL,
  -- The last characters of the key, for people to recognise it by.
  hint         text        NOT NULL,
  scopes       text[]      NOT NULL CHECK (cardinality(scopes) > 0),
  created_by   uuid        NOT NULL,
  created_at   timestamptz NOT NULL,
  expires_at   timestamptz,
  -- To the minute.
  last_used_at timestamptz
);
