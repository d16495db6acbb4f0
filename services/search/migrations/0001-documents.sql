-- What can be found: each product as the newest of its events says, whichever of its sources comes first.
CREATE TABLE documents (
  product_id     uuid PRIMARY KEY,
  -- Of the newest event of the product itself; 0 until the first one.
  version        integer NOT NULL DEFAULT 0,
  -- The description as in the event; null until the first one, and for a removed product.
  description    jsonb,
  available      integer NOT NULL DEFAULT 0,
  stock_version  bigint NOT NULL DEFAULT 0,
  rating_sum     bigint NOT NULL DEFAULT 0,
  rating_count   integer NOT NULL DEFAULT 0,
  rating_version bigint NOT NULL DEFAULT 0,
  -- Pieces sold, forward-decayed: see schemas/popularity.ts.
  popularity     double precision NOT NULL DEFAULT 0
);

-- The orders whose pieces are in `popularity`: a sum cannot say what it is made of.
CREATE TABLE counted_sales (order_id uuid PRIMARY KEY);
