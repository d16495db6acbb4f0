-- What the models have learned, with the places on the log up to which they have. A snapshot is used when it is complete;
-- its chunks go with it.
CREATE TABLE model_snapshots (
  id uuid PRIMARY KEY,
  version text NOT NULL,
  begun_at timestamptz NOT NULL,
  -- By `<topic>/<partition>`: the offset of the first record that was not learned. Null until the snapshot is complete.
  places jsonb
);

CREATE TABLE model_snapshot_chunks (
  snapshot_id uuid NOT NULL REFERENCES model_snapshots (id) ON DELETE CASCADE,
  nth integer NOT NULL,
  bytes bytea NOT NULL,
  PRIMARY KEY (snapshot_id, nth)
);
