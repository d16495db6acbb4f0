ALTER TABLE holds DROP CONSTRAINT holds_status_check, ADD CONSTRAINT holds_status_check CHECK (
  status IN ('held', 'rejected', 'released', 'committed', 'undone'));
-- What each return brought, so that a sale that is undone brings back the rest and not all of it.
ALTER TABLE returns ADD COLUMN lines jsonb NOT NULL DEFAULT '[]';
UPDATE returns r SET lines = m.lines
FROM (SELECT order_id, reason, jsonb_agg(jsonb_build_object('productId', product_id, 'quantity', on_hand_delta)) AS lines
      FROM movements WHERE kind = 'returned' GROUP BY order_id, reason) m
WHERE m.order_id = r.order_id AND m.reason = r.return_id::text;
CREATE INDEX returns_of_order ON returns (order_id);
