-- What merchandisers' rules ask of a product. Rows written before have none of it until their product's next event.
ALTER TABLE products
  ADD COLUMN brand text,
  ADD COLUMN price_minor bigint,
  ADD COLUMN currency text,
  ADD COLUMN group_id text,
  ADD COLUMN age_restricted boolean NOT NULL DEFAULT false;
