import type { Tx } from '#platform/postgres/transaction';
import type { RefreshToken } from './user.js';

export type StoredRefreshToken = Omit<RefreshToken, 'successorUsedAtMs'> & {
  loginId: string;
  loginSecret: Buffer;
  userId: string;
};

/** Stores logins and their refresh tokens as rows, in the caller's transaction. Of a token only a digest is stored. */
export const loginStore = {
  open: async (
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
        usedAtMs: row.used_at?.getTime() ?? null,
        loginExpiresAtMs: row.expires_at.getTime(),
        isLoginRevoked: row.revoked_at !== null,
      }
    );
  },

  /** When this token was exchanged; null when it was not, or does not exist yet. */
  tokenUsedAtMs: async (tx: Tx, tokenHash: Buffer): Promise<number | null> => {
    const { rows } = await tx.query<{ used_at: Date | null }>(
      'SELECT used_at FROM refresh_tokens WHERE token_hash = $1',
      [tokenHash],
    );
    return rows[0]?.used_at?.getTime() ?? null;
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
  },

  revoke: async (tx: Tx, loginId: string, nowMs: number): Promise<void> => {
    await tx.query('UPDATE logins SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1', [
      loginId,
      new Date(nowMs),
    ]);
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
