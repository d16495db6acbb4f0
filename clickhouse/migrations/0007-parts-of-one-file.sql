-- A new part is one file, until a merge makes it larger than this: creating a file for every column took a third of the
-- time of an insert.
ALTER TABLE shopper_activity MODIFY SETTING min_bytes_for_wide_part = 67108864;

ALTER TABLE sales MODIFY SETTING min_bytes_for_wide_part = 67108864;
