CREATE TABLE products (
  product_id uuid PRIMARY KEY,
  version integer NOT NULL,
  name text NOT NULL,
  description text NOT NULL,
  category text NOT NULL,
  price_minor bigint NOT NULL CHECK (price_minor >= 0),
  currency text NOT NULL,
  brand text,
  tags text[] NOT NULL,
  attributes jsonb NOT NULL,
  images text[] NOT NULL,
  group_id uuid,
  age_restricted boolean NOT NULL,
  active boolean NOT NULL,
  featured boolean NOT NULL,
  -- What inventory last said; the highest stock_version wins, whatever the order of arrival.
  available integer NOT NULL,
  stock_version bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);

-- Product ids are UUIDv7, so their order is the order of creation.
CREATE INDEX products_by_price ON products (price_minor, product_id) WHERE active;
CREATE INDEX products_by_category ON products (category text_pattern_ops, product_id) WHERE active;
CREATE INDEX products_by_brand ON products (brand, product_id) WHERE active;
