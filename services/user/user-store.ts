import type { Database, Queryable } from '#platform/postgres/pool';
import { inTransaction, type Tx } from '#platform/postgres/transaction';
import type { Role } from '#schemas/roles';
import type { RefreshToken, User } from './user.js';

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

export type StoredRefreshToken = Omit<RefreshToken, 'successorUsedAtMs'> & {
  loginId: string;
  loginSecret: Buffer;
  userId: string;
};

export type UserStore = ReturnType<typeof createUserStore>;

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

  /** Newest first, from just before `before`. */
  list: async (limit: number, before: string | undefined): Promise<User[]> => {
    const { rows } = await db.query<UserRow>(
      `SELECT ${columns} FROM users WHERE ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $1`,
      [limit, before ?? null],
    );
    return rows.map(userOf);
  },

  /** False when the address belongs to another account already. */
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

  /** Locks every admin, so that two of them cannot take each other's role at once. */
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

  openLogin: async (
    tx: Tx,
    login: { id: string; userId: string; tokenHash: Buffer; nowMs: number; expiresAtMs: number },
  ): Promise<void> => {
    const now = new Date(login.nowMs);
    await tx.query('INSERT INTO logins (id, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4)', [
      login.id,
      login.userId,
      now,
      new Date(login.expiresAtMs),
    ]);
    await addToken(tx, login.id, login.tokenHash, now);
    await forgetExpired(tx, now);
  },

  /** Locks the login: two requests with one token are judged one after the other. */
  lockToken: async (tx: Tx, tokenHash: Buffer): Promise<StoredRefreshToken | undefined> => {
    const { rows } = await tx.query<{
      login_id: string;
      secret: Buffer;
      user_id: string;
      used_at: Date | null;
      expires_at: Date;
      revoked_at: Date | null;
    }>(
      `SELECT t.login_id, l.secret, l.user_id, t.used_at, l.expires_at, l.revoked_at
       FROM refresh_tokens t JOIN logins l ON l.id = t.login_id WHERE t.token_hash = $1 FOR UPDATE`,
      [tokenHash],
    );
    const row = rows[0];
    return (
      row && {
        loginId: row.login_id,
        loginSecret: row.secret,
        userId: row.user_id,
        usedAtMs: row.used_at?.getTime() ?? null,
        loginExpiresAtMs: row.expires_at.getTime(),
        isLoginRevoked: row.revoked_at !== null,
      }
    );
  },

  /** When this token was traded; null when it was not, or does not exist yet. */
  tokenUsedAtMs: async (tx: Tx, tokenHash: Buffer): Promise<number | null> => {
    const { rows } = await tx.query<{ used_at: Date | null }>(
      'SELECT used_at FROM refresh_tokens WHERE token_hash = $1',
      [tokenHash],
    );
    return rows[0]?.used_at?.getTime() ?? null;
  },

  /** Once or again: a token has one successor. */
  rotateToken: async (
    tx: Tx,
    rotation: { loginId: string; from: Buffer; to: Buffer; nowMs: number },
  ): Promise<void> => {
    const now = new Date(rotation.nowMs);
    await tx.query('UPDATE refresh_tokens SET used_at = coalesce(used_at, $2) WHERE token_hash = $1', [
      rotation.from,
      now,
    ]);
    await addToken(tx, rotation.loginId, rotation.to, now);
  },

  revokeLogin: async (tx: Queryable, loginId: string, nowMs: number): Promise<void> => {
    await tx.query('UPDATE logins SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1', [
      loginId,
      new Date(nowMs),
    ]);
  },
});

const addToken = async (tx: Tx, loginId: string, tokenHash: Buffer, now: Date): Promise<void> => {
  await tx.query(
    `INSERT INTO refresh_tokens (token_hash, login_id, issued_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
    [tokenHash, loginId, now],
  );
};

const expiredForgottenMax = 20;

/** Each new login takes a few expired ones along: the tables stay bounded without a job of their own. */
const forgetExpired = async (tx: Tx, now: Date): Promise<void> => {
  await tx.query(
    `DELETE FROM logins WHERE id = ANY (ARRAY(
       SELECT id FROM logins WHERE expires_at < $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED))`,
    [now, expiredForgottenMax],
  );
};
