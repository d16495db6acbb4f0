ALTER TABLE users ADD COLUMN email_verified_at timestamptz,
  -- E.164.
  ADD COLUMN phone text,
  -- Counts what was published of how the account is reached; 0 where nothing was yet.
  ADD COLUMN contact_version integer NOT NULL DEFAULT 0;
CREATE INDEX users_without_contact ON users (id) WHERE contact_version = 0;

ALTER TABLE logins ADD COLUMN last_used_at timestamptz,
  ADD COLUMN user_agent text;
UPDATE logins SET last_used_at = created_at;
ALTER TABLE logins ALTER COLUMN last_used_at SET NOT NULL;

-- Single-use tokens that reach the account's owner by e-mail. Only a SHA-256 is stored.
CREATE TABLE mailed_tokens (
  token_hash bytea       PRIMARY KEY,
  user_id    uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  purpose    text        NOT NULL CHECK (purpose IN ('verify_email', 'reset_password')),
  issued_at  timestamptz NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX mailed_tokens_of_user ON mailed_tokens (user_id, purpose, issued_at DESC);
CREATE INDEX mailed_tokens_expires_at ON mailed_tokens (expires_at);

CREATE TABLE addresses (
  id          uuid        PRIMARY KEY,
  user_id     uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  name        text        NOT NULL,
  line1       text        NOT NULL,
  line2       text,
  city        text        NOT NULL,
  postal_code text        NOT NULL,
  country     text        NOT NULL,
  created_at  timestamptz NOT NULL
);
CREATE INDEX addresses_of_user ON addresses (user_id, id DESC);

CREATE TABLE devices (
  id         uuid        PRIMARY KEY,
  user_id    uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  -- A browser has one subscription, which belongs to whoever registered it last.
  endpoint   text        NOT NULL UNIQUE,
  p256dh     text        NOT NULL,
  auth       text        NOT NULL,
  name       text,
  created_at timestamptz NOT NULL
);
CREATE INDEX devices_of_user ON devices (user_id, id DESC);
