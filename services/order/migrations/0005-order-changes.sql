-- Reports every change of an order's row to the processes that keep copies of orders: see order-view-store.ts. A payload has
-- at most 8000 bytes.
CREATE FUNCTION report_changed_orders() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('orders_changed', string_agg(order_id::text, ' '))
  FROM (SELECT order_id, (row_number() OVER () - 1) / 200 AS part FROM changed) AS parts GROUP BY part;
  RETURN NULL;
END;
$$;
CREATE TRIGGER orders_changed AFTER UPDATE ON orders REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION report_changed_orders();
