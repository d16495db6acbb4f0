CREATE TABLE reviews (
  review_id         uuid        PRIMARY KEY,
  product_id        uuid        NOT NULL,
  user_id           uuid        NOT NULL,
  rating            integer     NOT NULL CHECK (rating BETWEEN 1 AND 5),
  -- Empty once their author was erased.
  title             text        NOT NULL,
  text              text        NOT NULL,
  status            text        NOT NULL CHECK (status IN ('pending', 'approved', 'rejected')),
  verified_purchase boolean     NOT NULL,
  helpful           integer     NOT NULL DEFAULT 0 CHECK (helpful >= 0),
  unhelpful         integer     NOT NULL DEFAULT 0 CHECK (unhelpful >= 0),
  created_at        timestamptz NOT NULL,
  updated_at        timestamptz NOT NULL,
  UNIQUE (product_id, user_id)
);

-- Ids are UUIDv7, so their order is the order of creation.
CREATE INDEX reviews_of_product ON reviews (product_id, review_id) WHERE status = 'approved';
CREATE INDEX reviews_by_helpfulness ON reviews (product_id, helpful, review_id) WHERE status = 'approved';
CREATE INDEX reviews_by_status ON reviews (status, review_id);
CREATE INDEX reviews_by_author ON reviews (user_id);

CREATE TABLE votes (
  review_id uuid    NOT NULL REFERENCES reviews,
  user_id   uuid    NOT NULL,
  helpful   boolean NOT NULL,
  PRIMARY KEY (review_id, user_id)
);

-- What the approved reviews of a product say together.
CREATE TABLE ratings (
  product_id uuid    PRIMARY KEY,
  version    bigint  NOT NULL,
  sum        bigint  NOT NULL,
  count      integer NOT NULL CHECK (count >= 0)
);

-- Who has bought what, from confirmed orders.
CREATE TABLE purchases (
  user_id    uuid NOT NULL,
  product_id uuid NOT NULL,
  PRIMARY KEY (user_id, product_id)
);

-- The products that may be reviewed: the newest event of each decides.
CREATE TABLE products (
  product_id uuid    PRIMARY KEY,
  version    integer NOT NULL,
  is_sold    boolean NOT NULL
);

CREATE TABLE erased_users (user_id uuid PRIMARY KEY);
