-- Of the newest event of the product itself; an older one changes nothing.
ALTER TABLE products ADD COLUMN version integer NOT NULL DEFAULT 0;
