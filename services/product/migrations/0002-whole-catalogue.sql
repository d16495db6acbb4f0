ALTER TABLE products
  -- A removed product keeps its row, so that its id and its history stay; `active` is then false.
  ADD COLUMN deleted_at timestamptz,
  -- The sum and the number of what buyers gave, as the newest event of their reviews says.
  ADD COLUMN rating_sum bigint NOT NULL DEFAULT 0,
  ADD COLUMN rating_count integer NOT NULL DEFAULT 0,
  ADD COLUMN rating_version bigint NOT NULL DEFAULT 0,
  -- In hundredths, which the shop shows and sorts by; 0 without reviews.
  ADD COLUMN rating_hundredths integer GENERATED ALWAYS AS
    (CASE WHEN rating_count = 0 THEN 0 ELSE round(rating_sum * 100.0 / rating_count)::integer END) STORED,
  -- Pieces sold, forward-decayed: see schemas/popularity.ts.
  ADD COLUMN popularity double precision NOT NULL DEFAULT 0;

CREATE INDEX products_by_rating ON products (rating_hundredths, rating_count, product_id) WHERE active;
CREATE INDEX products_by_popularity ON products (popularity, product_id) WHERE active;
CREATE INDEX products_by_group ON products (group_id, product_id) WHERE group_id IS NOT NULL;
CREATE INDEX products_featured ON products (product_id) WHERE active AND featured;

-- The orders whose pieces are in `popularity`: a sum cannot say what it is made of.
CREATE TABLE counted_sales (order_id uuid PRIMARY KEY);

-- Every version of every product: which fields it changed, from what to what.
CREATE TABLE product_history (
  product_id  uuid        NOT NULL,
  version     integer     NOT NULL,
  kind        text        NOT NULL CHECK (kind IN ('created', 'updated', 'deleted')),
  -- [{field, from, to}]; empty for a product that was created before there was a history.
  changes     jsonb       NOT NULL,
  changed_by  uuid,
  occurred_at timestamptz NOT NULL,
  PRIMARY KEY (product_id, version)
);

INSERT INTO product_history (product_id, version, kind, changes, occurred_at)
SELECT product_id, version, 'created', '[]', created_at FROM products;

CREATE TABLE categories (
  category_id uuid        PRIMARY KEY,
  version     integer     NOT NULL,
  path        text        NOT NULL UNIQUE,
  name        text        NOT NULL,
  position    integer     NOT NULL,
  created_at  timestamptz NOT NULL,
  updated_at  timestamptz NOT NULL
);
