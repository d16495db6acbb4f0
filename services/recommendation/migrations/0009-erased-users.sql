-- Accounts that were erased: an order of one may be read after the erasure, which is on another topic, and is not noted.
CREATE TABLE erased_users (user_id text PRIMARY KEY);
