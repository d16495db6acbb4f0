-- By what a provider of its own knows the thing that a call with our key has made; null where the key is barred, because
-- its authorisation was voided before it was known.
CREATE TABLE provider_references (
  key        text        PRIMARY KEY,
  provider   text        NOT NULL,
  reference  text,
  created_at timestamptz NOT NULL DEFAULT now()
);
