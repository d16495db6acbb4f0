-- How many chunks a complete snapshot has: a reader finds out that they were deleted while it read. Null until the snapshot
-- is complete, and for those that were written before this column.
ALTER TABLE model_snapshots ADD COLUMN chunks integer;
