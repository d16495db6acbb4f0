-- One row per event a consumer has handled, written in the transaction that handled it.
CREATE TABLE inbox (
  consumer text NOT NULL,
  event_id text NOT NULL,
  seen_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (consumer, event_id)
);
-- Rows arrive in time order, so a block-range index of a few kilobytes finds the old ones.
CREATE INDEX inbox_seen_at ON inbox USING brin (seen_at);
