import { deleteInParts, type Parts } from '#platform/postgres/delete-in-parts';
import type { Queryable } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';

/**
 * Marks the events as handled by `consumer` and returns those that were not marked before. The mark is part of the
 * transaction: when it rolls back, the events are new again. A concurrent transaction with the same event waits here
 * until this one has ended.
 */
export const firstTime = async (
  tx: Tx,
  consumer: string,
  eventIds: readonly string[],
): Promise<Set<string>> => {
  if (eventIds.length === 0) return new Set();
  // Sorted, so that two transactions with events in common cannot deadlock.
  const { rows } = await tx.query<{ event_id: string }>(
    `INSERT INTO inbox (consumer, event_id)
     SELECT $1, id FROM unnest($2::text[]) AS given(id)
     ON CONFLICT DO NOTHING RETURNING event_id`,
    [consumer, [...eventIds].sort()],
  );
  return new Set(rows.map((row) => row.event_id));
};

/**
 * An event that is delivered again later than this is handled again. The inbox only saves the work of repeats; keys in
 * the state itself make sure that a repeat changes nothing.
 */
export const inboxRetentionMs = 14 * 24 * 60 * 60 * 1000;

/** Deletes the events that were handled before `beforeMs` (epoch), in parts, and returns how many it deleted. */
export const prune = (db: Queryable, beforeMs: number, parts: Parts): Promise<number> =>
  deleteInParts(parts, async (rowsMax) => {
    const { rowCount } = await db.query(
      `DELETE FROM inbox WHERE ctid = ANY (ARRAY(
         SELECT ctid FROM inbox WHERE seen_at < to_timestamp($1 / 1000.0) LIMIT $2))`,
      [beforeMs, rowsMax],
    );
    return rowCount ?? 0;
  });
