-- How many products each search found, where whoever reported it said so. What was gathered before has -1 for each of its
-- searches, as what is gathered from now on has for those that do not say it.
ALTER TABLE shopper_activity ADD COLUMN IF NOT EXISTS results Nullable(Int32);

ALTER TABLE searches ADD COLUMN IF NOT EXISTS results Nullable(Int32);

ALTER TABLE visit_actions ADD COLUMN IF NOT EXISTS results Array(Int32) DEFAULT arrayMap(term -> -1, terms)
    COMMENT 'Of the searches, as terms: how many products each found; -1 where that is not known';
