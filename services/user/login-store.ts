import type { Database } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';
import type { RefreshToken } from './user.js';

export type StoredRefreshToken = Omit<RefreshToken, 'isSuccessorUsed'> & {
  loginId: string;
  loginSecret: Buffer;
  userId: string;
};

/** A login that goes on, as its owner sees it. */
export type Session = {
  id: string;
  createdAt: Date;
  lastUsedAt: Date;
  expiresAt: Date;
  userAgent: string | null;
};

const sessionColumns = `id, created_at AS "createdAt", last_used_at AS "lastUsedAt", expires_at AS "expiresAt",
  user_agent AS "userAgent"`;
const goesOn = 'user_id = $1 AND revoked_at IS NULL AND expires_at > $2';

/** Stores logins and their refresh tokens as rows, in the caller's transaction. Of a token only a digest is stored. */
export const loginStore = {
  open: async (
    tx: Tx,
    login: {
      id: string;
      userId: string;
      tokenHash: Buffer;
      nowMs: number;
      expiresAtMs: number;
      userAgent: string | undefined;
    },
  ): Promise<void> => {
    const now = new Date(login.nowMs);
    await tx.query(
      `INSERT INTO logins (id, user_id, created_at, last_used_at, expires_at, user_agent)
       VALUES ($1, $2, $3, $3, $4, $5)`,
      [login.id, login.userId, now, new Date(login.expiresAtMs), login.userAgent ?? null],
    );
    await addToken(tx, login.id, login.tokenHash, now);
    await forgetExpired(tx, now);
  },

  /** Whose token it is. The account is locked before the login, as everywhere. */
  ownerOf: async (tx: Tx, tokenHash: Buffer): Promise<string | undefined> => {
    const { rows } = await tx.query<{ user_id: string }>(
      'SELECT l.user_id FROM refresh_tokens t JOIN logins l ON l.id = t.login_id WHERE t.token_hash = $1',
      [tokenHash],
    );
    return rows[0]?.user_id;
  },

  /** Locks the login, so that two requests with the same token are handled one after the other. */
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
        isUsed: row.used_at !== null,
        loginExpiresAtMs: row.expires_at.getTime(),
        isLoginRevoked: row.revoked_at !== null,
      }
    );
  },

  /** True once this token was exchanged; false while it was not, or does not exist yet. */
  isTokenUsed: async (tx: Tx, tokenHash: Buffer): Promise<boolean> => {
    const { rows } = await tx.query<{ used_at: Date | null }>(
      'SELECT used_at FROM refresh_tokens WHERE token_hash = $1',
      [tokenHash],
    );
    return rows[0] !== undefined && rows[0].used_at !== null;
  },

  /** Marks the token as exchanged and adds its only successor. May be repeated. */
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
    await tx.query('UPDATE logins SET last_used_at = $2 WHERE id = $1', [rotation.loginId, now]);
  },

  /** Ends these logins of the account, all where `only` is undefined. Returns those that went on until now. */
  revoke: async (
    tx: Tx,
    userId: string,
    nowMs: number,
    { only, except }: { only?: string | undefined; except?: string | undefined } = {},
  ): Promise<string[]> => {
    const { rows } = await tx.query<{ id: string }>(
      `UPDATE logins SET revoked_at = $2
       WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2
         AND ($3::uuid IS NULL OR id = $3) AND ($4::uuid IS NULL OR id <> $4)
       RETURNING id`,
      [userId, new Date(nowMs), only ?? null, except ?? null],
    );
    return rows.map(({ id }) => id);
  },

  /** The logins that go on, newest first, only those older than `before`. */
  list: async (
    db: Pick<Database, 'query'>,
    userId: string,
    page: { nowMs: number; before: string | undefined; limit: number },
  ): Promise<Session[]> => {
    const { rows } = await db.query<Session>(
      `SELECT ${sessionColumns} FROM logins WHERE ${goesOn} AND ($3::uuid IS NULL OR id < $3)
       ORDER BY id DESC LIMIT $4`,
      [userId, new Date(page.nowMs), page.before ?? null, page.limit],
    );
    return rows;
  },

  /** Undefined also for one that has ended. */
  find: async (
    db: Pick<Database, 'query'>,
    userId: string,
    { id, nowMs }: { id: string; nowMs: number },
  ): Promise<Session | undefined> => {
    const { rows } = await db.query<Session>(
      `SELECT ${sessionColumns} FROM logins WHERE ${goesOn} AND id = $3`,
      [userId, new Date(nowMs), id],
    );
    return rows[0];
  },
};

const addToken = async (tx: Tx, loginId: string, tokenHash: Buffer, now: Date): Promise<void> => {
  await tx.query(
    `INSERT INTO refresh_tokens (token_hash, login_id, issued_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
    [tokenHash, loginId, now],
  );
};

const expiredForgottenMax = 20;

/** Each new login deletes a few expired ones, so the tables stay bounded without a separate job. */
const forgetExpired = async (tx: Tx, now: Date): Promise<void> => {
  await tx.query(
    `DELETE FROM logins WHERE id = ANY (ARRAY(
       SELECT id FROM logins WHERE expires_at < $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED))`,
    [now, expiredForgottenMax],
  );
};
