-- Accounts that were erased lately: an access token outlives its account by some minutes, and may still order.
CREATE TABLE erased_buyers (
  user_id   uuid        PRIMARY KEY,
  erased_at timestamptz NOT NULL
);

-- When the buyer's name and address go at the latest, where the buyer's account was erased and they are still needed;
-- else null.
ALTER TABLE orders ADD COLUMN erase_by timestamptz;
CREATE INDEX orders_to_erase ON orders (erase_by) WHERE erase_by IS NOT NULL;

CREATE FUNCTION erased_address(address jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT jsonb_build_object('name', 'erased', 'line1', 'erased', 'city', 'erased', 'postalCode', 'erased',
    'country', address->'country')
$$;

-- An order that still has to be sent keeps its address until it ends, in whatever way it does.
CREATE FUNCTION erase_buyer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.email := NULL;
  NEW.shipping_address := erased_address(NEW.shipping_address);
  NEW.erase_by := NULL;
  RETURN NEW;
END;
$$;
CREATE TRIGGER orders_erase_buyer BEFORE UPDATE ON orders FOR EACH ROW
  WHEN (NEW.erase_by IS NOT NULL AND NEW.status IN ('delivered', 'returned', 'cancelled'))
  EXECUTE FUNCTION erase_buyer();
