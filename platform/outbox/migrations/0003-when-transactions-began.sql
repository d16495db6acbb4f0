-- What a transaction appends may be reported as of its beginning: `began_at` says how far the outbox is complete.
ALTER TABLE outbox_a ADD COLUMN began_at timestamptz;
ALTER TABLE outbox_b ADD COLUMN began_at timestamptz;
UPDATE outbox_a SET began_at = appended_at;
UPDATE outbox_b SET began_at = appended_at;
ALTER TABLE outbox_a ALTER COLUMN began_at SET DEFAULT now(), ALTER COLUMN began_at SET NOT NULL;
ALTER TABLE outbox_b ALTER COLUMN began_at SET DEFAULT now(), ALTER COLUMN began_at SET NOT NULL;

CREATE OR REPLACE VIEW outbox AS SELECT * FROM outbox_a UNION ALL SELECT * FROM outbox_b;

CREATE OR REPLACE VIEW outbox_waiting AS
  SELECT o.seq, o.appended_at, o.began_at FROM outbox o, outbox_position p WHERE o.seq > p.sent_seq_max
  UNION ALL
  SELECT o.seq, o.appended_at, o.began_at FROM outbox o, outbox_position p
  WHERE o.seq <= p.sent_seq_max
    AND o.xid >= pg_snapshot_xmin(p.done)
    AND NOT pg_visible_in_snapshot(o.xid, p.done)
    AND (o.seq > p.seq OR NOT pg_visible_in_snapshot(o.xid, p.target));
