CREATE TABLE orders (
  order_id         uuid        PRIMARY KEY,
  user_id          uuid,
  -- SHA-256 of the token a guest was given; the token itself is not kept here.
  guest_token_hash bytea,
  email            text,
  status           text        NOT NULL CHECK (status IN ('pending', 'reserved', 'paid', 'confirmed', 'returned', 'cancelled')),
  reason           text,
  version          integer     NOT NULL,
  lines            jsonb       NOT NULL,
  total_minor      bigint      NOT NULL,
  currency         text        NOT NULL,
  shipping_address jsonb       NOT NULL,
  payment_method   text        NOT NULL,
  payment_id       uuid,
  payment_status   text        NOT NULL DEFAULT 'pending',
  hold_expires_at  timestamptz,
  -- Of the request that placed it: what the sweeper does to the order belongs to the same undertaking.
  correlation_id   text        NOT NULL,
  traceparent      text,
  deadline_at      timestamptz NOT NULL,
  -- When the sweeper looks at the order again; null once nothing is awaited.
  due_at           timestamptz,
  created_at       timestamptz NOT NULL,
  updated_at       timestamptz NOT NULL,
  CHECK ((user_id IS NULL) = (guest_token_hash IS NOT NULL))
) WITH (fillfactor = 80);
CREATE INDEX orders_by_user ON orders (user_id, order_id DESC) WHERE user_id IS NOT NULL;
CREATE INDEX orders_due ON orders (due_at) WHERE due_at IS NOT NULL;

-- Every event of every order's saga, its own and other services'. An event is told once.
CREATE TABLE order_events (
  order_id    uuid        NOT NULL,
  event_id    text        NOT NULL,
  seq         bigint      GENERATED ALWAYS AS IDENTITY,
  type        text        NOT NULL,
  service     text        NOT NULL,
  occurred_at timestamptz NOT NULL,
  data        jsonb       NOT NULL,
  PRIMARY KEY (order_id, event_id)
);

-- What this service needs of the catalogue, kept from the products' events.
CREATE TABLE products (
  product_id  uuid    PRIMARY KEY,
  version     integer NOT NULL,
  name        text    NOT NULL,
  category    text    NOT NULL,
  price_minor bigint  NOT NULL,
  currency    text    NOT NULL,
  active      boolean NOT NULL
);
