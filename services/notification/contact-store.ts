import { newestOf, writeBatch } from '#platform/postgres/gathering';
import { integerMax } from '#platform/postgres/integer';
import type { Queryable } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';
import type { GuestContactGiven, UserContactChanged } from '#schemas/events';
import { type Preferences, preferencesBut } from './delivery.js';

export type ContactStore = {
  /** Stores how an account is reached, unless something newer is stored. */
  note(tx: Tx, contact: UserContactChanged): Promise<void>;
  noteGuest(tx: Tx, contact: GuestContactGiven): Promise<void>;
  /** An account that was erased is not staff, whatever is read of it later. */
  noteStaff(tx: Tx, userId: string, isStaff: boolean): Promise<void>;
  staffIds(db: Queryable): Promise<string[]>;
  /** Whether the account is known, and not as an erased one. It is not erased before the transaction ends. */
  isKnown(tx: Tx, userId: string): Promise<boolean>;
  /** The account stays known as one without any address. */
  forget(tx: Tx, userId: string): Promise<void>;
  preferencesOf(db: Queryable, userId: string): Promise<Preferences>;
  prefer(db: Queryable, userId: string, preferences: Preferences): Promise<void>;
  /** Deletes the guests' contacts that were given before `before`, and returns how many. */
  forgetGuests(db: Queryable, before: Date): Promise<number>;
};

/** Of an account that was erased: no contact is newer. */
export const versionLast = integerMax;

const noteAll = writeBatch<UserContactChanged>((tx, contacts) =>
  tx.query(
    `INSERT INTO contacts (user_id, version, email, name, phone, devices)
     SELECT "userId", version, email, name, phone, devices
     FROM jsonb_to_recordset($1::jsonb) AS contact("userId" uuid, version integer, email text, name text, phone text,
       devices jsonb)
     ORDER BY 1
     ON CONFLICT (user_id) DO UPDATE SET version = excluded.version, email = excluded.email, name = excluded.name,
       phone = excluded.phone, devices = excluded.devices
     WHERE contacts.version < excluded.version`,
    [
      JSON.stringify(
        newestOf(
          contacts,
          ({ userId }) => userId,
          ({ version }) => version,
        ),
      ),
    ],
  ),
);

const noteAllGuests = writeBatch<GuestContactGiven>((tx, contacts) =>
  tx.query(
    `INSERT INTO guest_contacts (order_id, email, name, given_at)
     SELECT "orderId", email, name, to_timestamp("occurredAt" / 1000.0)
     FROM jsonb_to_recordset($1::jsonb) AS contact("orderId" uuid, email text, name text, "occurredAt" bigint)
     ON CONFLICT (order_id) DO NOTHING`,
    [JSON.stringify(contacts)],
  ),
);

export const contactStore: ContactStore = {
  note: (tx, contact) => tx.gather(noteAll, contact),
  noteGuest: (tx, contact) => tx.gather(noteAllGuests, contact),

  noteStaff: async (tx, userId, isStaff) => {
    if (!isStaff) await tx.query('DELETE FROM staff WHERE user_id = $1', [userId]);
    else
      await tx.query(
        `INSERT INTO staff (user_id) SELECT $1::uuid
         WHERE NOT EXISTS (SELECT FROM contacts WHERE user_id = $1 AND version = $2) ON CONFLICT DO NOTHING`,
        [userId, versionLast],
      );
  },

  staffIds: async (db) => {
    const { rows } = await db.query<{ userId: string }>('SELECT user_id AS "userId" FROM staff', []);
    return rows.map(({ userId }) => userId);
  },

  isKnown: async (tx, userId) => {
    const { rows } = await tx.query('SELECT FROM contacts WHERE user_id = $1 AND version <> $2 FOR SHARE', [
      userId,
      versionLast,
    ]);
    return rows.length > 0;
  },

  forget: async (tx, userId) => {
    await tx.query(
      `INSERT INTO contacts (user_id, version, email, name, phone, devices) VALUES ($1, $2, NULL, '', NULL, '[]')
       ON CONFLICT (user_id) DO UPDATE SET version = excluded.version, email = NULL, name = '', phone = NULL,
         devices = '[]'`,
      [userId, versionLast],
    );
    await tx.query('DELETE FROM preferences WHERE user_id = $1', [userId]);
    await tx.query('DELETE FROM staff WHERE user_id = $1', [userId]);
  },

  preferencesOf: async (db, userId) => {
    const { rows } = await db.query<{ off: (keyof Preferences)[] }>(
      'SELECT switched_off AS off FROM preferences WHERE user_id = $1',
      [userId],
    );
    return preferencesBut(rows[0]?.off ?? []);
  },

  prefer: async (db, userId, preferences) => {
    await db.query(
      `INSERT INTO preferences (user_id, switched_off) VALUES ($1, $2)
       ON CONFLICT (user_id) DO UPDATE SET switched_off = excluded.switched_off`,
      [
        userId,
        Object.entries(preferences)
          .filter(([, isOn]) => !isOn)
          .map(([name]) => name),
      ],
    );
  },

  forgetGuests: async (db, before) => {
    const { rowCount } = await db.query('DELETE FROM guest_contacts WHERE given_at < $1', [before]);
    return rowCount ?? 0;
  },
};
