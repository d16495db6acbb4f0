ALTER TABLE orders DROP CONSTRAINT orders_status_check, ADD CONSTRAINT orders_status_check CHECK (status IN (
  'pending', 'reserved', 'paid', 'confirmed', 'shipped', 'delivered', 'returned', 'cancelled'));
ALTER TABLE orders
  -- {carrier, trackingNumber} as last written by staff.
  ADD COLUMN shipment jsonb,
  -- What staff gave back without a return.
  ADD COLUMN goodwill_minor bigint NOT NULL DEFAULT 0 CHECK (goodwill_minor >= 0),
  -- Set after a declined payment while the buyer may try again.
  ADD COLUMN retry_until timestamptz;

-- Goods that left are waited for as before; a cancelled order whose money was taken waits for its refund, not a void.
DROP INDEX orders_unsettled;
ALTER TABLE orders DROP COLUMN waits_for;
ALTER TABLE orders ADD COLUMN waits_for text[] NOT NULL GENERATED ALWAYS AS (array_remove(ARRAY[
  CASE WHEN status = 'pending' THEN 'stock_reservation' END,
  CASE WHEN status IN ('reserved', 'paid') AND payment_status = 'declined' THEN 'payment_retry'
       WHEN status IN ('reserved', 'paid') THEN 'payment_authorization' END,
  CASE WHEN status IN ('confirmed', 'shipped', 'delivered', 'returned')
        AND payment_status IN ('pending', 'authorized') THEN 'payment_capture' END,
  CASE WHEN status IN ('confirmed', 'shipped', 'delivered', 'returned') AND stock_status <> 'committed'
       THEN 'stock_commit' END,
  CASE WHEN refunds_open > 0 THEN 'refund' END,
  CASE WHEN status = 'cancelled' AND payment_status = 'authorized' AND refunds_open = 0 THEN 'payment_void' END,
  CASE WHEN status = 'cancelled' AND stock_status IN ('held', 'committed') THEN 'stock_release' END
], NULL)) STORED;
CREATE INDEX orders_unsettled ON orders (order_id) WHERE waits_for <> '{}';

-- Where each event is on the log and what it belongs to, for staff.
ALTER TABLE order_events ADD COLUMN origin jsonb;
