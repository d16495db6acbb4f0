-- Events of imports on their way to the outbox, where those of single changes would have to wait behind them. Those of
-- one product go there in the order of `seq`.
CREATE TABLE imported_events (
  seq     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  topic   text NOT NULL,
  key     text NOT NULL,
  payload bytea,
  headers jsonb NOT NULL
);
CREATE INDEX imported_events_by_key ON imported_events (key);
