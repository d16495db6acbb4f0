CREATE TABLE notifications (
  id uuid PRIMARY KEY,
  -- Null for a guest, whose address only the order service knows.
  user_id uuid,
  template text NOT NULL,
  order_id uuid NOT NULL,
  data jsonb NOT NULL,
  occurred_at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL
);

CREATE INDEX notifications_by_user ON notifications (user_id, id);
