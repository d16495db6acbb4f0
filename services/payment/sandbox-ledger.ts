import { assert } from '#platform/assert';
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

export const entryOf = async (tx: Queryable, key: string): Promise<Entry | undefined> => {
  const { rows } = await tx.query<Entry>(
    `SELECT kind, status, reason, amount_minor AS "amountMinor", refers_to AS "refersTo", behaviour
     FROM sandbox_ledger WHERE key = $1 FOR UPDATE`,
    [key],
  );
  return rows[0];
};

/** Writes the entry unless the key has one already, and returns the stored entry. */
export const enter = async (
  tx: Tx,
  key: string,
  entry: Pick<Entry, 'kind' | 'status' | 'amountMinor'> & Partial<Entry>,
  at: Date,
): Promise<Entry> => {
  const { kind, status, reason = null, amountMinor, refersTo = null, behaviour = null } = entry;
  await tx.query(
    `INSERT INTO sandbox_ledger (key, kind, status, reason, amount_minor, refers_to, behaviour, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (key) DO NOTHING`,
    [key, kind, status, reason, amountMinor, refersTo, behaviour, at],
  );
  const kept = await entryOf(tx, key);
  assert(kept !== undefined, 'a ledger entry just written is there');
  return kept;
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
