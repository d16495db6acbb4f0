CREATE TABLE products (
  product_id     uuid        PRIMARY KEY,
  version        integer     NOT NULL,
  name           text        NOT NULL,
  description    text        NOT NULL,
  category       text        NOT NULL,
  price_minor    bigint      NOT NULL CHECK (price_minor >= 0),
  currency       text        NOT NULL,
  brand          text,
  tags           jsonb       NOT NULL,
  attributes     jsonb       NOT NULL,
  images         jsonb       NOT NULL,
  group_id       text,
  age_restricted boolean     NOT NULL,
  active         boolean     NOT NULL,
  featured       boolean     NOT NULL,
  -- A copy of inventory's word, and how new it is: an older word never replaces a newer one.
  available      integer     NOT NULL DEFAULT 0,
  stock_version  bigint      NOT NULL DEFAULT 0,
  created_at     timestamptz NOT NULL,
  updated_at     timestamptz NOT NULL
) WITH (fillfactor = 80);

-- An id begins with its time, so the newest are the highest.
CREATE INDEX products_by_price ON products (price_minor, product_id);
CREATE INDEX products_by_category ON products (category text_pattern_ops, product_id);
CREATE INDEX products_by_brand ON products (brand, product_id) WHERE brand IS NOT NULL;
