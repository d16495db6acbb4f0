-- The history is listed by time: some ids are hashes, and say nothing of it.
CREATE INDEX notifications_by_time ON notifications (occurred_at, id);
CREATE INDEX notifications_of_user_by_time ON notifications (user_id, occurred_at, id);
DROP INDEX notifications_by_user;
