CREATE TABLE wishes (
  user_id uuid NOT NULL,
  product_id uuid NOT NULL,
  wished_at timestamptz NOT NULL,
  PRIMARY KEY (user_id, product_id)
);
