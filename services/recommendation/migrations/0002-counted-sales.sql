-- The orders whose pieces are in `popularity`. A sum cannot say what it is made of: this row, written in the same
-- transaction, is what makes an order count once, however often its event comes.
CREATE TABLE counted_sales (order_id uuid PRIMARY KEY);
