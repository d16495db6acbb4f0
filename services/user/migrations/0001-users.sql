CREATE TABLE users (
  id            uuid        PRIMARY KEY,
  -- Normalised by the service before it comes here.
  email         text        NOT NULL UNIQUE,
  name          text        NOT NULL,
  password_hash text        NOT NULL,
  roles         text[]      NOT NULL CHECK (cardinality(roles) > 0),
  version       integer     NOT NULL,
  created_at    timestamptz NOT NULL,
  updated_at    timestamptz NOT NULL
);

CREATE INDEX users_admins ON users (id) WHERE 'admin' = ANY (roles);

-- One login is one family of refresh tokens: each is traded for the next, and they end together.
CREATE TABLE logins (
  id         uuid        PRIMARY KEY,
  user_id    uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz
);

CREATE INDEX logins_user_id ON logins (user_id);
CREATE INDEX logins_expires_at ON logins (expires_at);

CREATE TABLE refresh_tokens (
  -- SHA-256: who reads the table cannot log in with it.
  token_hash bytea       PRIMARY KEY,
  login_id   uuid        NOT NULL REFERENCES logins (id) ON DELETE CASCADE,
  issued_at  timestamptz NOT NULL,
  used_at    timestamptz
);

CREATE INDEX refresh_tokens_login_id ON refresh_tokens (login_id);

-- The newest signs; all are published, so that tokens signed by an older one stay good.
CREATE TABLE signing_keys (
  kid         text        PRIMARY KEY,
  private_jwk jsonb       NOT NULL,
  created_at  timestamptz NOT NULL
);
