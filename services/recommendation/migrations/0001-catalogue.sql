-- What this service knows of every product, from the events of others. A row may begin with either of its two
-- sources (they are on different topics): `created_at` is null until the product itself is known.
CREATE TABLE products (
  product_id    text PRIMARY KEY,
  category      text,
  created_at    timestamptz,
  active        boolean NOT NULL DEFAULT false,
  available     integer NOT NULL DEFAULT 0,
  -- Of the newest stock event seen; an older one changes nothing.
  stock_version bigint NOT NULL DEFAULT 0,
  -- Pieces sold, forward-decayed: see popularity.ts.
  popularity    double precision NOT NULL DEFAULT 0,
  sellable      boolean GENERATED ALWAYS AS (active AND available > 0 AND created_at IS NOT NULL) STORED
);

CREATE INDEX products_best ON products (popularity DESC, created_at DESC) WHERE sellable;
CREATE INDEX products_best_of_category ON products (category text_pattern_ops, popularity DESC) WHERE sellable;

-- Who bought what lately: never recommended again until it is no longer lately.
CREATE TABLE purchases (
  user_id    text NOT NULL,
  product_id text NOT NULL,
  bought_at  timestamptz NOT NULL,
  PRIMARY KEY (user_id, product_id)
);

CREATE INDEX purchases_by_age ON purchases (bought_at);
