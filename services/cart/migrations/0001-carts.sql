-- The key that signs guests' cart ids. One row, made at the first start.
CREATE TABLE cart_id_keys (
  is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
  secret bytea NOT NULL
);

CREATE TABLE carts (
  cart_id uuid PRIMARY KEY,
  -- Null for a guest's.
  user_id uuid UNIQUE,
  -- Counts the changes.
  version integer NOT NULL DEFAULT 0,
  -- Set where a guest has logged in and the cart has become part of the user's: it is never used again.
  merged_at timestamptz,
  updated_at timestamptz NOT NULL,
  -- When its owner came last, to the day.
  seen_at timestamptz NOT NULL
);

CREATE INDEX carts_by_age ON carts (seen_at);

CREATE TABLE cart_items (
  cart_id uuid NOT NULL REFERENCES carts ON DELETE CASCADE,
  product_id uuid NOT NULL,
  -- The place in the cart.
  position integer NOT NULL,
  quantity integer NOT NULL CHECK (quantity > 0),
  -- The price when the line was written.
  seen_minor bigint NOT NULL,
  seen_currency text NOT NULL,
  PRIMARY KEY (cart_id, product_id)
);

-- What an order took out of a cart, until it can no longer be given back.
CREATE TABLE order_takings (
  order_id uuid PRIMARY KEY,
  cart_id uuid NOT NULL,
  items jsonb NOT NULL,
  was_given_back boolean NOT NULL DEFAULT false,
  taken_at timestamptz NOT NULL
);

CREATE INDEX order_takings_by_age ON order_takings (taken_at);

-- What this service needs of the catalogue and the stock, kept from their events.
CREATE TABLE products (
  product_id uuid PRIMARY KEY,
  version integer NOT NULL,
  name text NOT NULL,
  price_minor bigint NOT NULL,
  currency text NOT NULL,
  active boolean NOT NULL
);

CREATE TABLE stock (
  product_id uuid PRIMARY KEY,
  version bigint NOT NULL,
  available integer NOT NULL
);
