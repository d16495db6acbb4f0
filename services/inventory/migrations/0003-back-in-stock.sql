-- Accounts that wait for a product to be available again. A row is deleted with the event that reports it.
CREATE TABLE back_in_stock (
  product_id uuid        NOT NULL,
  user_id    uuid        NOT NULL,
  asked_at   timestamptz NOT NULL,
  PRIMARY KEY (product_id, user_id)
);
CREATE INDEX back_in_stock_by_user ON back_in_stock (user_id);
