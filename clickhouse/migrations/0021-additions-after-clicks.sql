-- An attribution looks for the click before each addition, and one in thirty has one. True for rows from before, which are looked
-- at as they were.
ALTER TABLE recommendation_actions ADD COLUMN IF NOT EXISTS is_after_click Bool DEFAULT true
    COMMENT 'Whether its visit has clicked the product before, as far as the batch shows it';
