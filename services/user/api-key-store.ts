import type { Database } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';
import type { Scope } from '#schemas/scopes';

/** An API key without the key itself, which is stored nowhere. */
export type ApiKey = {
  id: string;
  name: string;
  hint: string;
  scopes: Scope[];
  createdBy: string;
  createdAt: Date;
  expiresAt: Date | null;
  lastUsedAt: Date | null;
};

const columns = `id, name, hint, scopes, created_by AS "createdBy", created_at AS "createdAt",
  expires_at AS "expiresAt", last_used_at AS "lastUsedAt"`;

/** So that a key that is used often does not write a row at each request. */
const useNotedEveryMs = 60_000;
/** Instances that create keys at the same time do so one after the other, so that they count alike. */
const countLock = 7_318_005;

/** Stores API keys as rows. Functions with a `Tx` take effect when it commits. */
export const apiKeyStore = {
  /** False where there are `keysMax` already. */
  add: async (tx: Tx, key: ApiKey, keyHash: Buffer, keysMax: number): Promise<boolean> => {
    await tx.query('SELECT pg_advisory_xact_lock($1)', [countLock]);
    const { rowCount } = await tx.query(
      `INSERT INTO api_keys (id, key_hash, name, hint, scopes, created_by, created_at, expires_at)
       SELECT $1, $2, $3, $4, $5, $6, $7, $8 WHERE (SELECT count(*) FROM api_keys) < $9`,
      [key.id, keyHash, key.name, key.hint, key.scopes, key.createdBy, key.createdAt, key.expiresAt, keysMax],
    );
    return rowCount === 1;
  },

  /** Newest first, only those older than `before`. */
  list: async (
    db: Pick<Database, 'query'>,
    { before, limit }: { before: string | undefined; limit: number },
  ): Promise<ApiKey[]> => {
    const { rows } = await db.query<ApiKey>(
      `SELECT ${columns} FROM api_keys WHERE $1::uuid IS NULL OR id < $1 ORDER BY id DESC LIMIT $2`,
      [before ?? null, limit],
    );
    return rows;
  },

  /** The key with this digest, unless it has expired; notes that it was used. */
  byHash: async (
    db: Pick<Database, 'query'>,
    keyHash: Buffer,
    nowMs: number,
  ): Promise<ApiKey | undefined> => {
    const now = new Date(nowMs);
    const { rows } = await db.query<ApiKey>(
      `SELECT ${columns} FROM api_keys WHERE key_hash = $1 AND (expires_at IS NULL OR expires_at > $2)`,
      [keyHash, now],
    );
    const [key] = rows;
    if (key !== undefined && (key.lastUsedAt?.getTime() ?? 0) < nowMs - useNotedEveryMs)
      await db.query('UPDATE api_keys SET last_used_at = $2 WHERE id = $1', [key.id, now]);
    return key;
  },

  /** False where there is no such key. */
  remove: async (tx: Tx, id: string): Promise<boolean> => {
    const { rowCount } = await tx.query('DELETE FROM api_keys WHERE id = $1', [id]);
    return rowCount === 1;
  },
};
