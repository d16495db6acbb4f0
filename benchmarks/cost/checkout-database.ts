import pg from 'pg';

/** The URL of a new database `name`; an old one of that name is dropped. */
export const newDatabase = async (serverUrl: string, name: string): Promise<string> => {
  const admin = new pg.Client({ connectionString: serverUrl });
  await admin.connect();
  try {
    await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await admin.query(`CREATE DATABASE ${name}`);
  } finally {
    await admin.end();
  }
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
};

/** The tables of a checkout in one transaction. */
export const checkoutTables = `
  CREATE TABLE orders (order_id uuid PRIMARY KEY, status text NOT NULL, lines jsonb NOT NULL, address jsonb NOT NULL,
                       total_minor bigint NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
  CREATE TABLE payments (payment_id uuid PRIMARY KEY, order_id uuid NOT NULL, amount_minor bigint NOT NULL,
                         status text NOT NULL);
  CREATE TABLE stock (product_id uuid PRIMARY KEY, on_hand bigint NOT NULL CHECK (on_hand >= 0));`;
