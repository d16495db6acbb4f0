-- The watermark without what the bound on open windows has pushed it ahead; null in rows from before, which had no difference.
ALTER TABLE stream_tasks ADD COLUMN reached_ms bigint;
