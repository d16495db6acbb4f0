-- The insert by which a block went in together with blocks of other partitions; empty where it went in by itself.
ALTER TABLE ingest_blocks ADD COLUMN IF NOT EXISTS gathered String DEFAULT '' AFTER excluded;
