-- Records that a consumer group could not handle, from the dead-letter topics. A record that is parked again for the same
-- group is the same letter.
CREATE TABLE dead_letters (
  id             uuid        PRIMARY KEY,
  topic          text        NOT NULL,
  partition      integer     NOT NULL,
  record_offset  bigint      NOT NULL,
  consumer_group text        NOT NULL,
  reason         text        NOT NULL,
  message        text        NOT NULL,
  stack_digest   text        NOT NULL,
  attempts       integer     NOT NULL,
  key            bytea,
  value          bytea,
  -- [name, base64 or null] each.
  headers        jsonb       NOT NULL,
  -- True where the record was too large to be parked whole.
  is_cut         boolean     NOT NULL,
  -- Of the letter itself: a letter that is read again changes nothing.
  letter_offset  bigint      NOT NULL,
  parked_at      timestamptz NOT NULL,
  times          integer     NOT NULL DEFAULT 1,
  replays        integer     NOT NULL DEFAULT 0,
  replayed_at    timestamptz,
  -- No later than Kafka deletes the letter: payment instructions have tokens in them.
  expires_at     timestamptz NOT NULL,
  UNIQUE (topic, partition, record_offset, consumer_group)
);
CREATE INDEX dead_letters_expiring ON dead_letters (expires_at);
