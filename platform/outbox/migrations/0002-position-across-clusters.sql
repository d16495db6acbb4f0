-- Transaction ids belong to one cluster. In a database restored into another they begin again, and the position may
-- call rows published that are new. `seq` is restored with the rows, so it says which those are: nothing above
-- `sent_seq_max`, the greatest `seq` in Kafka, was ever sent.
ALTER TABLE outbox_position ADD COLUMN sent_seq_max bigint NOT NULL DEFAULT 0;

-- 0, which sends again what is there, where the position is of another cluster already.
UPDATE outbox_position p SET sent_seq_max = CASE
  WHEN pg_snapshot_xmax(p.target) > pg_snapshot_xmax(pg_current_snapshot()) THEN 0
  ELSE coalesce(
    (SELECT max(o.seq) FROM outbox o
     WHERE pg_visible_in_snapshot(o.xid, p.done) OR (o.seq <= p.seq AND pg_visible_in_snapshot(o.xid, p.target))),
    0) END;

-- What Kafka does not have, also while the position is of another cluster. The two parts are apart for their indexes.
CREATE VIEW outbox_waiting AS
  SELECT o.seq, o.appended_at FROM outbox o, outbox_position p WHERE o.seq > p.sent_seq_max
  UNION ALL
  SELECT o.seq, o.appended_at FROM outbox o, outbox_position p
  WHERE o.seq <= p.sent_seq_max
    AND o.xid >= pg_snapshot_xmin(p.done)
    AND NOT pg_visible_in_snapshot(o.xid, p.done)
    AND (o.seq > p.seq OR NOT pg_visible_in_snapshot(o.xid, p.target));

CREATE OR REPLACE FUNCTION outbox_unpublished() RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT count(*) FROM outbox_waiting;
$$;

-- Whether the position is of another cluster. In its own, no snapshot or row of the past lies in the future, and
-- nothing above `sent_seq_max` counts as published.
CREATE FUNCTION outbox_position_is_foreign() RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT pg_snapshot_xmax(p.target) > pg_snapshot_xmax(pg_current_snapshot())
    OR EXISTS (SELECT FROM outbox o WHERE o.xid >= pg_snapshot_xmax(pg_current_snapshot()))
    OR EXISTS (SELECT FROM outbox o
               WHERE o.seq > p.sent_seq_max
                 AND (pg_visible_in_snapshot(o.xid, p.done)
                      OR (o.seq <= p.seq AND pg_visible_in_snapshot(o.xid, p.target))))
  FROM outbox_position p;
$$;

-- Begins the position anew in this cluster and returns how many rows wait. What waits becomes the work of the calling
-- transaction, so that the next window holds it together with whatever else is committed by then, in the order of
-- `seq`; what was sent goes.
CREATE FUNCTION outbox_restart_position() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE waiting bigint;
BEGIN
  DELETE FROM outbox_a o USING outbox_position p
  WHERE o.seq <= p.sent_seq_max AND NOT EXISTS (SELECT FROM outbox_waiting w WHERE w.seq = o.seq);
  DELETE FROM outbox_b o USING outbox_position p
  WHERE o.seq <= p.sent_seq_max AND NOT EXISTS (SELECT FROM outbox_waiting w WHERE w.seq = o.seq);
  UPDATE outbox_a SET xid = pg_current_xact_id();
  UPDATE outbox_b SET xid = pg_current_xact_id();
  UPDATE outbox_position SET done = '3:3:', target = '3:3:', seq = 0;
  SELECT count(*) INTO waiting FROM outbox;
  RETURN waiting;
END;
$$;
