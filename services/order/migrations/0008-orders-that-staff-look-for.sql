-- A guest has no account by which an order could be found.
CREATE INDEX orders_by_email ON orders (lower(email), order_id DESC) WHERE email IS NOT NULL;

-- The last eight characters of the id, which pages and buyers call the order by.
CREATE INDEX orders_by_short_id ON orders (right(order_id::text, 8));
