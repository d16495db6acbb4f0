import type { OutboxMessage } from '#platform/outbox/outbox';
import type { Queryable } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';

/**
 * Keeps messages until `release` appends them to the outbox. Those of one key stay in order, provided that all
 * transactions hold the lock of the row that the key names, and that while some are kept the later ones are kept too:
 * `keptAmong` says of which keys.
 */
export const keepForLater = async (tx: Tx, messages: readonly OutboxMessage[]): Promise<void> => {
  if (messages.length === 0) return;
  await tx.query(
    `INSERT INTO imported_events (topic, key, payload, headers)
     SELECT t, k, p, h FROM unnest($1::text[], $2::text[], $3::bytea[], $4::jsonb[])
       WITH ORDINALITY AS given(t, k, p, h, n) ORDER BY n`,
    [
      messages.map(({ topic }) => topic),
      messages.map(({ key }) => key),
      messages.map(({ value }) => value),
      messages.map(({ headers }) => JSON.stringify(headers)),
    ],
  );
};

export const keptAmong = async (tx: Tx, keys: readonly string[]): Promise<ReadonlySet<string>> => {
  const { rows } = await tx.query<{ key: string }>(
    'SELECT DISTINCT key FROM imported_events WHERE key = ANY ($1::text[])',
    [keys],
  );
  return new Set(rows.map(({ key }) => key));
};

/**
 * Moves the first messages to the outbox, and returns how many. Two that do it at a time move the same ones, of which the
 * second one finds none left, so nothing is moved twice or out of order.
 */
export const release = async (db: Queryable, messagesMax: number): Promise<number> => {
  const { rows } = await db.query<{ released: number }>(
    `WITH next AS (SELECT seq FROM imported_events ORDER BY seq LIMIT $1),
       gone AS (DELETE FROM imported_events USING next WHERE imported_events.seq = next.seq
                RETURNING imported_events.*),
       lists AS (SELECT count(*)::integer AS released, array_agg(topic ORDER BY seq) AS topics,
                   array_agg(key ORDER BY seq) AS keys, array_agg(payload ORDER BY seq) AS payloads,
                   array_agg(headers ORDER BY seq) AS headers FROM gone)
     SELECT released, outbox_append(topics, keys, payloads, headers) FROM lists WHERE released > 0`,
    [messagesMax],
  );
  return rows[0]?.released ?? 0;
};

/** How many are kept, or some more. */
export const keptCount = async (db: Queryable): Promise<number> => {
  const { rows } = await db.query<{ kept: number }>(
    'SELECT coalesce(max(seq) - min(seq) + 1, 0)::integer AS kept FROM imported_events',
    [],
  );
  return rows[0]?.kept ?? 0;
};
