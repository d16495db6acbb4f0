-- The transaction that last changed what lists ask of a product. What processes keep of a product they read anew after
-- that; the number of pieces in stock changes it only where the last one goes or the first one comes.
ALTER TABLE products ADD COLUMN changed_by xid8 NOT NULL DEFAULT pg_current_xact_id();

CREATE INDEX products_changed ON products (changed_by);
