-- What a notification belongs to, so that the events of its sending name it too. Null in rows from before.
ALTER TABLE notifications ADD COLUMN causation_id text, ADD COLUMN traceparent text;
