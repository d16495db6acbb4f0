import type { Database } from '#platform/postgres/pool';

/** What a provider calls the things that our calls have made, by the calls' keys. */
export type ReferenceStore = {
  /** Undefined for a key that is not known, null for one that is barred. */
  find(key: string): Promise<string | null | undefined>;
  /** Keeps the first one for a key, and returns the one that is kept. */
  keep(key: string, reference: string | null): Promise<string | null>;
};

export const createReferenceStore = (db: Database, provider: string): ReferenceStore => {
  const find: ReferenceStore['find'] = async (key) => {
    const { rows } = await db.query<{ reference: string | null }>(
      'SELECT reference FROM provider_references WHERE key = $1 AND provider = $2',
      [key, provider],
    );
    return rows[0]?.reference;
  };
  return {
    find,
    keep: async (key, reference) => {
      await db.query(
        'INSERT INTO provider_references (key, provider, reference) VALUES ($1, $2, $3) ON CONFLICT (key) DO NOTHING',
        [key, provider, reference],
      );
      return (await find(key)) ?? null;
    },
  };
};
