-- On what a shopper acts, and a visit was. What was gathered before is null, as what does not say it.
ALTER TABLE shopper_activity ADD COLUMN IF NOT EXISTS device LowCardinality(Nullable(String));

ALTER TABLE visits ADD COLUMN IF NOT EXISTS device LowCardinality(Nullable(String));
