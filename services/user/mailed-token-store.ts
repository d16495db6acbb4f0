import type { Database } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';

export type MailedPurpose = 'verify_email' | 'reset_password';

/** Of one account and purpose, so that an old message that arrives late still works. */
const tokensKeptMax = 5;
const expiredForgottenMax = 20;

/** Stores the digests of single-use tokens that are sent by e-mail. */
export const mailedTokenStore = {
  add: async (
    tx: Tx,
    token: { hash: Buffer; userId: string; purpose: MailedPurpose; nowMs: number; expiresAtMs: number },
  ): Promise<void> => {
    const now = new Date(token.nowMs);
    await tx.query(
      `INSERT INTO mailed_tokens (token_hash, user_id, purpose, issued_at, expires_at)
       VALUES ($1, $2, $3, $4, $5)`,
      [token.hash, token.userId, token.purpose, now, new Date(token.expiresAtMs)],
    );
    await tx.query(
      `DELETE FROM mailed_tokens WHERE token_hash IN (
         SELECT token_hash FROM mailed_tokens WHERE user_id = $1 AND purpose = $2
         ORDER BY issued_at DESC, token_hash OFFSET $3)`,
      [token.userId, token.purpose, tokensKeptMax],
    );
    await tx.query(
      `DELETE FROM mailed_tokens WHERE token_hash = ANY (ARRAY(
         SELECT token_hash FROM mailed_tokens WHERE expires_at < $1 ORDER BY expires_at LIMIT $2
         FOR UPDATE SKIP LOCKED))`,
      [now, expiredForgottenMax],
    );
  },

  /** Whose token it is; undefined for one that is unknown, used or expired. */
  ownerOf: async (
    db: Pick<Database | Tx, 'query'>,
    hash: Buffer,
    purpose: MailedPurpose,
    nowMs: number,
  ): Promise<string | undefined> => {
    const { rows } = await db.query<{ user_id: string }>(
      'SELECT user_id FROM mailed_tokens WHERE token_hash = $1 AND purpose = $2 AND expires_at > $3',
      [hash, purpose, new Date(nowMs)],
    );
    return rows[0]?.user_id;
  },

  /** Makes all tokens of the account for this purpose worthless. */
  forget: async (tx: Tx, userId: string, purpose: MailedPurpose): Promise<void> => {
    await tx.query('DELETE FROM mailed_tokens WHERE user_id = $1 AND purpose = $2', [userId, purpose]);
  },
};
