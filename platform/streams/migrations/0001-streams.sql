-- What each windowed job has computed and how far it has read. One process computes a task at a time: it raises the
-- epoch when it begins, so that an older one that still runs can store nothing more.
CREATE TABLE stream_tasks (
  task text PRIMARY KEY,
  epoch bigint NOT NULL DEFAULT 0,
  checkpoint bigint NOT NULL DEFAULT 0,
  watermark_ms bigint,
  -- {"<topic>/<partition>": ["<next offset>", <newest event time>]}
  places text NOT NULL DEFAULT '{}'
);

-- The changelog of a task's open windows since its last snapshot, and the snapshot, in parts. A restore reads them in
-- this order; a new snapshot replaces them all, so that they stay within about twice the state.
CREATE TABLE stream_changes (
  task text NOT NULL REFERENCES stream_tasks (task),
  checkpoint bigint NOT NULL,
  part int NOT NULL,
  -- {"put": [[id, key, from, to, revision, sum], …], "removed": [id, …]}
  body text NOT NULL,
  PRIMARY KEY (task, checkpoint, part)
);
ALTER TABLE stream_changes ALTER COLUMN body SET STORAGE EXTERNAL;
