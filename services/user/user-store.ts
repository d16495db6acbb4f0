import type { Database } from '#platform/postgres/pool';
import { inTransaction, type Tx } from '#platform/postgres/transaction';
import type { Role } from '#schemas/roles';
import type { User } from './user.js';

type UserRow = {
  id: string;
  email: string;
  name: string;
  roles: Role[];
  version: number;
  created_at: Date;
  password_hash: string;
};

const columns = 'id, email, name, roles, version, created_at, password_hash';

const userOf = (row: UserRow): User => ({
  id: row.id,
  email: row.email,
  name: row.name,
  roles: row.roles,
  version: row.version,
  createdAtMs: row.created_at.getTime(),
});

export type UserStore = ReturnType<typeof createUserStore>;

/** Stores accounts as rows. Functions with a `Tx` take effect when it commits. */
export const createUserStore = (db: Database) => ({
  inTransaction: <T>(work: (tx: Tx) => Promise<T>): Promise<T> => inTransaction(db, work),

  byId: async (id: string): Promise<User | undefined> => {
    const { rows } = await db.query<UserRow>(`SELECT ${columns} FROM users WHERE id = $1`, [id]);
    return rows[0] && userOf(rows[0]);
  },

  byEmail: async (email: string): Promise<{ user: User; passwordHash: string } | undefined> => {
    const { rows } = await db.query<UserRow>(`SELECT ${columns} FROM users WHERE email = $1`, [email]);
    return rows[0] && { user: userOf(rows[0]), passwordHash: rows[0].password_hash };
  },

  /** Newest first, only those older than `before`. */
  list: async (limit: number, before: string | undefined): Promise<User[]> => {
    const { rows } = await db.query<UserRow>(
      `SELECT ${columns} FROM users WHERE ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $1`,
      [limit, before ?? null],
    );
    return rows.map(userOf);
  },

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

  /** Locks every admin, so that two admins cannot remove each other's role at the same time. */
  lockAdmins: async (tx: Tx): Promise<string[]> => {
    const { rows } = await tx.query<{ id: string }>(
      `SELECT id FROM users WHERE 'admin' = ANY (roles) ORDER BY id FOR UPDATE`,
    );
    return rows.map((row) => row.id);
  },

  update: async (tx: Tx, user: User, nowMs: number): Promise<void> => {
    await tx.query('UPDATE users SET name = $2, roles = $3, version = $4, updated_at = $5 WHERE id = $1', [
      user.id,
      user.name,
      user.roles,
      user.version,
      new Date(nowMs),
    ]);
  },

  setPassword: async (tx: Tx, id: string, passwordHash: string): Promise<void> => {
    await tx.query('UPDATE users SET password_hash = $2 WHERE id = $1', [id, passwordHash]);
  },
});
