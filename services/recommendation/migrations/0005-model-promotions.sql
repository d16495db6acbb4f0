-- Which parameter set of the models is live: that of the greatest number, or the first set while there is none.
CREATE TABLE model_promotions (
  number integer PRIMARY KEY CHECK (number > 0),
  id uuid NOT NULL UNIQUE,
  model text NOT NULL,
  previous text NOT NULL,
  evidence jsonb NOT NULL,
  reason text NOT NULL,
  -- Null where the platform promoted it.
  promoted_by uuid,
  promoted_at timestamptz NOT NULL
);
