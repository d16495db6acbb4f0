import { assert } from '#platform/assert';
import { type Batch, readBatch } from '#platform/postgres/gathering';
import { listParameter } from '#platform/postgres/list-parameter';
import type { Queryable } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';

/** How the calls after the authorisation behave for a token, where they do not succeed. */
export type Behaviour = 'capture_lapses' | 'capture_fails' | 'refund_fails';

export type Entry = {
  kind: 'authorize' | 'capture' | 'void' | 'refund';
  status: 'authorized' | 'declined' | 'barred' | 'voided' | 'done' | 'refused' | 'nothing';
  reason: string | null;
  amountMinor: number;
  refersTo: string | null;
  behaviour: Behaviour | null;
};

const columns = `key, kind, status, reason, amount_minor AS "amountMinor", refers_to AS "refersTo", behaviour`;

export const entryOf = async (tx: Queryable, key: string): Promise<Entry | undefined> =>
  (await entriesOf(tx, [key])).get(key);

/** Locks the entries, in the order of their keys. */
const entriesOf = async (db: Queryable, keys: readonly string[]): Promise<Map<string, Entry>> => {
  const { rows } = await db.query<Entry & { key: string }>(
    `SELECT ${columns} FROM sandbox_ledger WHERE key = ANY (${listParameter(1, 'text')}) ORDER BY key FOR UPDATE`,
    [keys],
  );
  return new Map(rows.map(({ key, ...entry }) => [key, entry]));
};

/** `entryOf`, gathered with those of other calls. */
export const gatheredEntryOf = (tx: Tx, key: string): Promise<Entry | undefined> => tx.gather(findAll, key);

const findAll: Batch<string, Entry | undefined> = readBatch(async (tx, keys) => {
  const entries = await entriesOf(tx, keys);
  return keys.map((key) => entries.get(key));
});

/** Writes the entry unless the key has one already, and returns the stored entry. */
export const enter = async (
  tx: Tx,
  key: string,
  entry: Pick<Entry, 'kind' | 'status' | 'amountMinor'> & Partial<Entry>,
  at: Date,
): Promise<Entry> => {
  const { kind, status, reason = null, amountMinor, refersTo = null, behaviour = null } = entry;
  return tx.gather(enterAll, { key, kind, status, reason, amountMinor, refersTo, behaviour, at });
};

const enterAll: Batch<Entry & { key: string; at: Date }, Entry> = async (tx, entries) => {
  const { rows } = await tx.query<{ key: string }>(
    `INSERT INTO sandbox_ledger (key, kind, status, reason, amount_minor, refers_to, behaviour, created_at)
     SELECT key, kind, status, reason, "amountMinor", "refersTo", behaviour, at
     FROM jsonb_to_recordset($1::jsonb) AS entry(key text, kind text, status text, reason text,
       "amountMinor" bigint, "refersTo" text, behaviour text, at timestamptz)
     ORDER BY key
     ON CONFLICT (key) DO NOTHING RETURNING key`,
    [JSON.stringify(entries)],
  );
  const entered = new Set(rows.map(({ key }) => key));
  const kept = new Map<string, Entry>();
  for (const entry of entries) if (entered.delete(entry.key)) kept.set(entry.key, entry);
  const earlier = entries.map(({ key }) => key).filter((key) => !kept.has(key));
  if (earlier.length > 0) for (const [key, entry] of await entriesOf(tx, earlier)) kept.set(key, entry);
  return entries.map(({ key }) => {
    const entry = kept.get(key);
    assert(entry !== undefined, 'a ledger entry that was not new is there');
    return entry;
  });
};

export const countAttempt = async (db: Queryable, key: string): Promise<number> => {
  const { rows } = await db.query<{ attempts: number }>(
    `INSERT INTO sandbox_attempts (key, attempts) VALUES ($1, 1)
     ON CONFLICT (key) DO UPDATE SET attempts = sandbox_attempts.attempts + 1 RETURNING attempts`,
    [key],
  );
  return rows[0]?.attempts ?? 1;
};

/** The reason to refuse the capture; null when it can be made. */
export const whyNotCaptured = (authorization: Entry | undefined, amountMinor: number): string | null => {
  if (authorization?.status !== 'authorized') return authorization?.reason ?? 'not_authorized';
  if (amountMinor > authorization.amountMinor) return 'amount_too_large';
  if (authorization.behaviour === 'capture_lapses') return 'authorization_expired';
  return authorization.behaviour === 'capture_fails' ? 'authorization_voided' : null;
};

/** The reason to refuse the refund; null when it can be made. */
export const whyNotRefunded = async (
  tx: Tx,
  captureKey: string,
  amountMinor: number,
): Promise<string | null> => {
  const capture = await entryOf(tx, captureKey);
  if (capture?.status !== 'done') return 'not_captured';
  const authorization = capture.refersTo === null ? undefined : await entryOf(tx, capture.refersTo);
  if (authorization?.behaviour === 'refund_fails') return 'account_closed';
  const { rows } = await tx.query<{ refunded: number }>(
    `SELECT coalesce(sum(amount_minor), 0)::bigint AS refunded FROM sandbox_ledger
     WHERE refers_to = $1 AND kind = 'refund' AND status = 'done'`,
    [captureKey],
  );
  return amountMinor <= capture.amountMinor - (rows[0]?.refunded ?? 0) ? null : 'amount_too_large';
};
