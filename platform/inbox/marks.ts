import type { Tx } from '#platform/postgres/transaction';

/**
 * Marks ids in a table of those that count already, and returns the ones that were not marked before. Unlike what is in the
 * inbox they stay marked for good. The mark is part of the transaction: when it rolls back, the ids are new again. A
 * concurrent transaction with the same id waits here until this one has ended.
 */
export const markNew = async (
  tx: Tx,
  { table, column }: { table: string; column: string },
  ids: readonly string[],
): Promise<string[]> => {
  // In order, so that two transactions with ids in common cannot deadlock.
  const { rows } = await tx.query<{ id: string }>(
    `INSERT INTO ${table} (${column}) SELECT * FROM unnest($1::uuid[]) ORDER BY 1
     ON CONFLICT DO NOTHING RETURNING ${column} AS id`,
    [[...new Set(ids)]],
  );
  return rows.map(({ id }) => id);
};
