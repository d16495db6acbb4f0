CREATE TABLE stock (
  product_id          uuid        PRIMARY KEY,
  on_hand             integer     NOT NULL,
  reserved            integer     NOT NULL DEFAULT 0,
  low_stock_threshold integer     NOT NULL DEFAULT 5 CHECK (low_stock_threshold >= 0),
  -- Counts the changes of this row: whoever keeps a copy keeps the one with the highest.
  stock_version       bigint      NOT NULL DEFAULT 1,
  updated_at          timestamptz NOT NULL,
  -- The last word against overselling, whatever the code above it does.
  CHECK (reserved >= 0 AND reserved <= on_hand)
) WITH (fillfactor = 70);

-- What each order has of the stock; its state makes every step happen once.
CREATE TABLE holds (
  order_id   uuid        PRIMARY KEY,
  status     text        NOT NULL CHECK (status IN ('held', 'rejected', 'released', 'committed')),
  lines      jsonb       NOT NULL DEFAULT '[]',
  expires_at timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);
CREATE INDEX holds_overdue ON holds (expires_at) WHERE status = 'held';

CREATE TABLE returns (
  return_id   uuid        PRIMARY KEY,
  order_id    uuid        NOT NULL,
  occurred_at timestamptz NOT NULL
);

-- Every change of every product's stock. The sums of its deltas are the stock.
CREATE TABLE movements (
  movement_id    bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  product_id     uuid        NOT NULL,
  stock_version  bigint      NOT NULL,
  kind           text        NOT NULL CHECK (kind IN ('initial', 'adjusted', 'reserved', 'released', 'committed', 'returned')),
  on_hand_delta  integer     NOT NULL,
  reserved_delta integer     NOT NULL,
  on_hand        integer     NOT NULL,
  reserved       integer     NOT NULL,
  order_id       uuid,
  reason         text,
  occurred_at    timestamptz NOT NULL,
  UNIQUE (product_id, stock_version)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END;
$$;
CREATE TRIGGER movements_are_facts BEFORE UPDATE OR DELETE ON movements
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
