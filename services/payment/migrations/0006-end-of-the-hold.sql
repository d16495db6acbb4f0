-- When the hold on the order's stock ends: nobody may try to pay again after it. Null where it is not known.
ALTER TABLE payments ADD COLUMN hold_expires_at timestamptz;
