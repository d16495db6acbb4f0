-- With it a refresh token gives its one successor, again where the answer was lost. Worth nothing without the token.
ALTER TABLE logins ADD COLUMN secret bytea NOT NULL
  DEFAULT uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());
