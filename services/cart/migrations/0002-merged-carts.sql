-- Into whose cart a guest's went: what an order took out of it comes back there.
ALTER TABLE carts ADD COLUMN merged_user_id uuid;

CREATE INDEX carts_by_merged_user ON carts (merged_user_id) WHERE merged_user_id IS NOT NULL;

-- Accounts that are gone, for as long as their access tokens are good.
CREATE TABLE erased_users (
  user_id uuid PRIMARY KEY,
  erased_at timestamptz NOT NULL
);

CREATE INDEX erased_users_by_age ON erased_users (erased_at);
