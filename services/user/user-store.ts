import type { Database } from '#platform/postgres/pool';
import { inTransaction, type Tx } from '#platform/postgres/transaction';
import type { ReadAside } from '#platform/redis/read-aside';
import type { Role } from '#schemas/roles';
import type { User } from './user.js';

type UserRow = {
  id: string;
  email: string;
  email_verified_at: Date | null;
  name: string;
  phone: string | null;
  roles: Role[];
  version: number;
  created_at: Date;
  password_hash: string;
};

const columns = 'id, email, email_verified_at, name, phone, roles, version, created_at, password_hash';

const userOf = (row: UserRow): User => ({
  id: row.id,
  email: row.email,
  isEmailVerified: row.email_verified_at !== null,
  name: row.name,
  phone: row.phone,
  roles: row.roles,
  version: row.version,
  createdAtMs: row.created_at.getTime(),
});

export type UserStore = ReturnType<typeof createUserStore>;

export type ProfileCache = Pick<ReadAside<User>, 'read' | 'forget'>;

/** Stores accounts as rows. Functions with a `Tx` take effect when it commits. */
export const createUserStore = (db: Database, cache: ProfileCache) => ({
  ...reads(db),
  ...changes(cache),
  /** As `byId`, from the cache: for those who only look at an account. */
  profile: (id: string): Promise<User | undefined> => cache.read(id, () => reads(db).byId(id)),
  inTransaction: <T>(work: (tx: Tx) => Promise<T>): Promise<T> => inTransaction(db, work),
});

const reads = (db: Database) => ({
  byId: async (id: string): Promise<User | undefined> => {
    const { rows } = await db.query<UserRow>(`SELECT ${columns} FROM users WHERE id = $1`, [id]);
    return rows[0] && userOf(rows[0]);
  },

  byEmail: async (email: string): Promise<{ user: User; passwordHash: string } | undefined> => {
    const { rows } = await db.query<UserRow>(`SELECT ${columns} FROM users WHERE email = $1`, [email]);
    return rows[0] && { user: userOf(rows[0]), passwordHash: rows[0].password_hash };
  },

  passwordHash: async (id: string): Promise<string | undefined> => {
    const { rows } = await db.query<UserRow>('SELECT password_hash FROM users WHERE id = $1', [id]);
    return rows[0]?.password_hash;
  },

  /** Newest first, only those older than `before`, and of one address where it is given. */
  list: async (
    limit: number,
    { before, email }: { before: string | undefined; email: string | undefined },
  ): Promise<User[]> => {
    const { rows } = await db.query<UserRow>(
      `SELECT ${columns} FROM users WHERE ($2::uuid IS NULL OR id < $2) AND ($3::text IS NULL OR email = $3)
       ORDER BY id DESC LIMIT $1`,
      [limit, before ?? null, email ?? null],
    );
    return rows.map(userOf);
  },

  /** Accounts of which it was not published yet how they are reached. */
  withoutContact: async (limit: number): Promise<string[]> => {
    const { rows } = await db.query<{ id: string }>(
      'SELECT id FROM users WHERE contact_version = 0 ORDER BY id LIMIT $1',
      [limit],
    );
    return rows.map(({ id }) => id);
  },
});

const changes = (cache: ProfileCache) => ({
  /** False when another account has the address. */
  insert: async (tx: Tx, user: User, passwordHash: string): Promise<boolean> => {
    const { rowCount } = await tx.query(
      `INSERT INTO users (id, email, name, password_hash, roles, version, created_at, updated_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $7) ON CONFLICT (email) DO NOTHING`,
      [user.id, user.email, user.name, passwordHash, user.roles, user.version, new Date(user.createdAtMs)],
    );
    return rowCount === 1;
  },

  lock: async (tx: Tx, id: string): Promise<User | undefined> => {
    const { rows } = await tx.query<UserRow>(`SELECT ${columns} FROM users WHERE id = $1 FOR UPDATE`, [id]);
    return rows[0] && userOf(rows[0]);
  },

  /** Undefined also where the password is another one by now than the one that was checked before the lock. */
  lockIfPassword: async (tx: Tx, id: string, checkedHash: string): Promise<User | undefined> => {
    const { rows } = await tx.query<UserRow>(
      `SELECT ${columns} FROM users WHERE id = $1 AND password_hash = $2 FOR UPDATE`,
      [id, checkedHash],
    );
    return rows[0] && userOf(rows[0]);
  },

  lockByEmail: async (tx: Tx, email: string): Promise<User | undefined> => {
    const { rows } = await tx.query<UserRow>(`SELECT ${columns} FROM users WHERE email = $1 FOR UPDATE`, [
      email,
    ]);
    return rows[0] && userOf(rows[0]);
  },

  /** Locks every admin, so that two admins cannot remove each other's role at the same time. */
  lockAdmins: async (tx: Tx): Promise<string[]> => {
    const { rows } = await tx.query<{ id: string }>(
      `SELECT id FROM users WHERE 'admin' = ANY (roles) ORDER BY id FOR UPDATE`,
    );
    return rows.map((row) => row.id);
  },

  update: async (tx: Tx, user: User, nowMs: number): Promise<void> => {
    await tx.query(
      `UPDATE users SET name = $2, phone = $3, roles = $4, version = $5, updated_at = $6,
         email_verified_at = CASE WHEN $7 THEN coalesce(email_verified_at, $6) END
       WHERE id = $1`,
      [user.id, user.name, user.phone, user.roles, user.version, new Date(nowMs), user.isEmailVerified],
    );
    tx.afterCommit(() => cache.forget([user.id]), { orUnknown: true });
  },

  setPassword: async (tx: Tx, id: string, passwordHash: string): Promise<void> => {
    await tx.query('UPDATE users SET password_hash = $2 WHERE id = $1', [id, passwordHash]);
  },

  /** Counts one more publication of the account's contact, and returns its number. */
  countContact: async (tx: Tx, id: string): Promise<number> => {
    const { rows } = await tx.query<{ contact_version: number }>(
      'UPDATE users SET contact_version = contact_version + 1 WHERE id = $1 RETURNING contact_version',
      [id],
    );
    return rows[0]?.contact_version ?? 0;
  },

  /** Deletes the account with its sessions, tokens, addresses and devices. */
  erase: async (tx: Tx, id: string): Promise<void> => {
    await tx.query('DELETE FROM users WHERE id = $1', [id]);
    tx.afterCommit(() => cache.forget([id]), { orUnknown: true });
  },
});
