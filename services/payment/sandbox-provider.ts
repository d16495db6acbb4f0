import { setTimeout as delay } from 'node:timers/promises';
import { assert } from '#platform/assert';
import type { Clock } from '#platform/clock';
import { PlatformError } from '#platform/errors';
import type { Database } from '#platform/postgres/pool';
import { inTransaction, type Tx } from '#platform/postgres/transaction';
import type { AuthorizeAnswer, AuthorizeRequest, PaymentProvider } from './provider.js';

type Entry = {
  kind: 'authorize' | 'capture' | 'void' | 'refund';
  status: 'authorized' | 'declined' | 'barred' | 'voided' | 'done' | 'nothing';
  reason: string | null;
  amountMinor: number;
};

const slowMs = 2000;
const flakyFailures = 2;

/**
 * A provider of our own for development and tests. It keeps a ledger by key in its own transactions, as a
 * real one would at its end of the wire: what it answered before it was cut off stays true after a crash.
 * What it answers is said by the token: `tok_ok`, `tok_declined`, `tok_insufficient_funds`, `tok_timeout`
 * (never answers), `tok_flaky` (fails twice, then succeeds), `tok_slow` (2 s); any other is invalid.
 */
export const createSandboxProvider = (db: Database, clock: Clock): PaymentProvider => {
  const entryOf = async (tx: Pick<Tx, 'query'>, key: string): Promise<Entry | undefined> => {
    const { rows } = await tx.query<Entry>(
      `SELECT kind, status, reason, amount_minor AS "amountMinor" FROM sandbox_ledger WHERE key = $1 FOR UPDATE`,
      [key],
    );
    return rows[0];
  };

  /** Writes the entry unless the key has one already; what is kept is what counts. */
  const enter = async (tx: Tx, key: string, entry: Entry, refersTo: string | null = null): Promise<Entry> => {
    await tx.query(
      `INSERT INTO sandbox_ledger (key, kind, status, reason, amount_minor, refers_to, created_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (key) DO NOTHING`,
      [key, entry.kind, entry.status, entry.reason, entry.amountMinor, refersTo, new Date(clock.nowMs())],
    );
    const kept = await entryOf(tx, key);
    assert(kept !== undefined, 'a ledger entry just written is there');
    return kept;
  };

  const countAttempt = async (key: string): Promise<number> => {
    const { rows } = await db.query<{ attempts: number }>(
      `INSERT INTO sandbox_attempts (key, attempts) VALUES ($1, 1)
       ON CONFLICT (key) DO UPDATE SET attempts = sandbox_attempts.attempts + 1 RETURNING attempts`,
      [key],
    );
    return rows[0]?.attempts ?? 1;
  };

  /** How the token behaves, and what it is worth; throws where the caller gets no answer. */
  const behave = async ({ key, token }: AuthorizeRequest, signal: AbortSignal): Promise<AuthorizeAnswer> => {
    switch (token) {
      case 'tok_ok':
        return { outcome: 'authorized' };
      case 'tok_slow':
        await delay(slowMs, undefined, { signal }).catch(timedOut);
        return { outcome: 'authorized' };
      case 'tok_flaky':
        if ((await countAttempt(key)) <= flakyFailures)
          throw new PlatformError('dependency_unavailable', 'sandbox: connection reset', { retriable: true });
        return { outcome: 'authorized' };
      case 'tok_timeout':
        await untilAborted(signal);
        return timedOut();
      case 'tok_declined':
        return { outcome: 'declined', reason: 'declined' };
      case 'tok_insufficient_funds':
        return { outcome: 'declined', reason: 'insufficient_funds' };
      default:
        return { outcome: 'declined', reason: 'invalid_token' };
    }
  };

  return {
    name: 'sandbox',

    authorize: async (request, signal) => {
      const answer = await behave(request, signal);
      const entry = await inTransaction(db, (tx) =>
        enter(tx, request.key, {
          kind: 'authorize',
          status: answer.outcome,
          reason: answer.outcome === 'declined' ? answer.reason : null,
          amountMinor: request.amountMinor,
        }),
      );
      return answerOf(entry);
    },

    capture: async ({ key, authorizationKey, amountMinor }) => {
      await inTransaction(db, async (tx) => {
        const authorization = await entryOf(tx, authorizationKey);
        refuseUnless(authorization?.status === 'authorized', 'nothing authorised to capture');
        refuseUnless(amountMinor <= (authorization?.amountMinor ?? 0), 'captures more than was authorised');
        await enter(
          tx,
          key,
          { kind: 'capture', status: 'done', reason: null, amountMinor },
          authorizationKey,
        );
      });
    },

    void: ({ key, authorizationKey }) =>
      inTransaction(db, async (tx) => {
        const bar: Entry = { kind: 'authorize', status: 'barred', reason: 'voided', amountMinor: 0 };
        const authorization = await enter(tx, authorizationKey, bar);
        const isCaptured = await tx.query(
          "SELECT FROM sandbox_ledger WHERE refers_to = $1 AND kind = 'capture'",
          [authorizationKey],
        );
        refuseUnless(isCaptured.rows.length === 0, 'captured money cannot be voided');
        const gaveBack = authorization.status === 'authorized';
        if (gaveBack)
          await tx.query("UPDATE sandbox_ledger SET status = 'voided' WHERE key = $1", [authorizationKey]);
        const status = gaveBack ? 'done' : 'nothing';
        const entry = await enter(
          tx,
          key,
          { kind: 'void', status, reason: null, amountMinor: authorization.amountMinor },
          authorizationKey,
        );
        return entry.status === 'done';
      }),

    refund: async ({ key, captureKey, amountMinor }) => {
      await inTransaction(db, async (tx) => {
        const capture = await entryOf(tx, captureKey);
        if (await entryOf(tx, key)) return;
        const { rows } = await tx.query<{ refunded: number }>(
          "SELECT coalesce(sum(amount_minor), 0)::bigint AS refunded FROM sandbox_ledger WHERE refers_to = $1 AND kind = 'refund'",
          [captureKey],
        );
        const left = (capture?.amountMinor ?? 0) - (rows[0]?.refunded ?? 0);
        refuseUnless(amountMinor <= left, 'refunds more than was captured');
        await enter(tx, key, { kind: 'refund', status: 'done', reason: null, amountMinor }, captureKey);
      });
    },

    find: async (key) => {
      const entry = await entryOf(db, key);
      if (!entry) return null;
      return entry.kind === 'authorize' ? answerOf(entry) : { outcome: 'done' };
    },
  };
};

const answerOf = ({ status, reason }: Entry): AuthorizeAnswer =>
  status === 'authorized' ? { outcome: 'authorized' } : { outcome: 'declined', reason: reason ?? status };

const refuseUnless = (condition: boolean, why: string): void => {
  if (!condition) throw new PlatformError('dependency_unavailable', `sandbox: ${why}`, { retriable: false });
};

const timedOut = (): never => {
  throw new PlatformError('dependency_timeout', 'sandbox: no answer in time', { retriable: true });
};

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
