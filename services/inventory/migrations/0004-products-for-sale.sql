-- Which products are for sale: the newest event of each decides. Of a product from before this table nothing is known until
-- it changes: it counts as for sale.
CREATE TABLE products (
  product_id uuid    PRIMARY KEY,
  version    integer NOT NULL,
  active     boolean NOT NULL
);
