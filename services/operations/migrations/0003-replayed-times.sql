-- How often a letter had been parked when it was replayed last. It waits while it was parked more often: times of two
-- clocks, or of one that was set back, do not say which came first.
ALTER TABLE dead_letters ADD COLUMN replayed_times integer NOT NULL DEFAULT 0;
UPDATE dead_letters SET replayed_times = times WHERE replayed_at >= parked_at;
