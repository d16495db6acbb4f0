-- What was recorded before this service could send is not sent now.
ALTER TABLE notifications
  ALTER COLUMN order_id DROP NOT NULL,
  -- Where to send it, if not to the recipient's contact; deleted when nothing of it is open.
  ADD COLUMN destination jsonb,
  -- Data that nobody may read later; deleted when nothing of it is open.
  ADD COLUMN secret jsonb,
  -- The channels that the sender has chosen; null for all of the template.
  ADD COLUMN channels text[],
  ADD COLUMN status text NOT NULL DEFAULT 'skipped' CHECK (status IN ('pending', 'sent', 'failed', 'skipped')),
  -- What has become of each place that it was sent to.
  ADD COLUMN results jsonb NOT NULL DEFAULT '[]',
  ADD COLUMN attempts integer NOT NULL DEFAULT 0,
  -- While an attempt runs, when another one may begin.
  ADD COLUMN next_attempt_at timestamptz,
  ADD COLUMN useless_at timestamptz,
  -- Somebody waits in front of a form for it.
  ADD COLUMN is_urgent boolean NOT NULL DEFAULT false,
  ADD COLUMN correlation_id text;
ALTER TABLE notifications ALTER COLUMN status DROP DEFAULT;

CREATE INDEX notifications_due ON notifications (is_urgent DESC, next_attempt_at) WHERE status = 'pending';
CREATE INDEX notifications_by_order ON notifications (order_id);

-- How accounts are reached. The row of an account that was erased has no address.
CREATE TABLE contacts (
  user_id uuid PRIMARY KEY,
  version integer NOT NULL,
  email text,
  name text NOT NULL,
  phone text,
  devices jsonb NOT NULL
);

CREATE TABLE guest_contacts (
  order_id uuid PRIMARY KEY,
  email text NOT NULL,
  name text NOT NULL,
  given_at timestamptz NOT NULL
);

CREATE INDEX guest_contacts_by_age ON guest_contacts (given_at);

CREATE TABLE preferences (
  user_id uuid PRIMARY KEY,
  -- What is switched off; the rest is on.
  switched_off text[] NOT NULL
);

-- The accounts that get what concerns the shop.
CREATE TABLE staff (
  user_id uuid PRIMARY KEY
);

-- The key pair that signs push messages, where the settings have none. One row.
CREATE TABLE push_keys (
  is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
  public_key text NOT NULL,
  private_key text NOT NULL
);

-- The names of products, kept from the catalogue's events.
CREATE TABLE products (
  product_id uuid PRIMARY KEY,
  version integer NOT NULL,
  name text NOT NULL
);
