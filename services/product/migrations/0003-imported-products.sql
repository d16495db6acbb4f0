-- Which product an imported line made, so that the line may come again.
CREATE TABLE imported_products (
  key        text PRIMARY KEY,
  product_id uuid NOT NULL
);
