-- Until now the erasure of an account left what it had bought.
DELETE FROM purchases USING erased_users WHERE purchases.user_id = erased_users.user_id;
