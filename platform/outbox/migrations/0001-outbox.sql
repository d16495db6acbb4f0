-- Two tables take turns: appends go to the active one while the other is drained and truncated, so nothing is
-- ever deleted row by row and no dead rows pile up.
CREATE SEQUENCE outbox_seq;

CREATE TABLE outbox_a (
  seq bigint PRIMARY KEY DEFAULT nextval('outbox_seq'),
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  topic text NOT NULL,
  key text NOT NULL,
  value bytea,
  headers jsonb NOT NULL,
  appended_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX outbox_a_xid ON outbox_a (xid);
CREATE TABLE outbox_b (LIKE outbox_a INCLUDING ALL);

CREATE VIEW outbox AS SELECT * FROM outbox_a UNION ALL SELECT * FROM outbox_b;

CREATE TABLE outbox_active (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  name text NOT NULL CHECK (name IN ('a', 'b'))
);
INSERT INTO outbox_active (name) VALUES ('a');

-- How far the relay is. Published is what was visible to `done`; being published, in the order of `seq`, is what
-- was not visible to `done` and is to `target`, of which all up to `seq` is in Kafka already.
CREATE TABLE outbox_position (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  done pg_snapshot NOT NULL,
  target pg_snapshot NOT NULL,
  seq bigint NOT NULL
);
INSERT INTO outbox_position (done, target, seq) VALUES ('3:3:', '3:3:', 0);

CREATE FUNCTION outbox_append(topics text[], keys text[], payloads bytea[], header_sets jsonb[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF (SELECT name FROM outbox_active) = 'a' THEN
    INSERT INTO outbox_a (topic, key, value, headers)
    SELECT t, k, p, h FROM unnest(topics, keys, payloads, header_sets) WITH ORDINALITY AS given(t, k, p, h, n)
    ORDER BY n;
  ELSE
    INSERT INTO outbox_b (topic, key, value, headers)
    SELECT t, k, p, h FROM unnest(topics, keys, payloads, header_sets) WITH ORDINALITY AS given(t, k, p, h, n)
    ORDER BY n;
  END IF;
  PERFORM pg_notify('outbox', '');
END;
$$;

CREATE FUNCTION outbox_unpublished() RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT count(*) FROM outbox o, outbox_position p
  WHERE o.xid >= pg_snapshot_xmin(p.done)
    AND NOT pg_visible_in_snapshot(o.xid, p.done)
    AND (o.seq > p.seq OR NOT pg_visible_in_snapshot(o.xid, p.target));
$$;
