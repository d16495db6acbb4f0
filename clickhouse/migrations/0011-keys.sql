-- Ids as numbers of 64 bits, 0 for none: what counts different visits, accounts or orders compares these instead of texts
-- of 36 characters. Two of ten million visits share one with a chance of three in a million. Parts from before have them
-- computed as they are read.
ALTER TABLE shopper_activity
    ADD COLUMN IF NOT EXISTS visit_key UInt64 MATERIALIZED sipHash64(visit_id),
    ADD COLUMN IF NOT EXISTS user_key UInt64 MATERIALIZED if(user_id IS NULL, 0, sipHash64(assumeNotNull(user_id)));

ALTER TABLE sales
    ADD COLUMN IF NOT EXISTS order_key UInt64 MATERIALIZED sipHash64(order_id),
    ADD COLUMN IF NOT EXISTS user_key UInt64 MATERIALIZED if(user_id IS NULL, 0, sipHash64(assumeNotNull(user_id)));
