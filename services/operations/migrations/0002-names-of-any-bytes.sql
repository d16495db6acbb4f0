-- A header's name may contain NUL, which jsonb cannot hold.
ALTER TABLE dead_letters ALTER COLUMN headers TYPE json;
