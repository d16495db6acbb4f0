CREATE TABLE settings (
  key text PRIMARY KEY,
  version integer NOT NULL CHECK (version > 0),
  -- Null where the default is set again.
  value jsonb,
  changed_by uuid NOT NULL,
  changed_at timestamptz NOT NULL
);

CREATE TABLE setting_history (
  key text NOT NULL REFERENCES settings (key) DEFERRABLE INITIALLY DEFERRED,
  version integer NOT NULL,
  value jsonb,
  -- The version whose value was set again; 0 is the default. Null for a new value.
  rolled_back_to integer,
  changed_by uuid NOT NULL,
  changed_at timestamptz NOT NULL,
  PRIMARY KEY (key, version)
);
