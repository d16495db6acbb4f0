-- Parts of more than a mebibyte have a file for each column: batches are few and large, and reading two columns of half a
-- million orders takes half of the CPU time so. Parts from before are read as they are, until they merge.
ALTER TABLE order_sales MODIFY SETTING min_bytes_for_wide_part = 1048576;

ALTER TABLE visit_actions MODIFY SETTING min_bytes_for_wide_part = 1048576;

ALTER TABLE recommendation_actions MODIFY SETTING min_bytes_for_wide_part = 1048576;
