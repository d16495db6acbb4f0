import { assert } from '#platform/assert';
import type { Clock } from '#platform/clock';
import { PlatformError } from '#platform/errors';
import type { Database } from '#platform/postgres/pool';
import { inTransaction, type Tx } from '#platform/postgres/transaction';
import { sleep } from '#platform/waiting/sleep';
import type { AuthorizeAnswer, AuthorizeRequest, FinalAnswer, PaymentProvider } from './provider.js';

/** What a token makes of the calls after its authorisation, where that is not success. */
type Behaviour = 'capture_lapses' | 'capture_fails' | 'refund_fails';

type Entry = {
  kind: 'authorize' | 'capture' | 'void' | 'refund';
  status: 'authorized' | 'declined' | 'barred' | 'voided' | 'done' | 'refused' | 'nothing';
  reason: string | null;
  amountMinor: number;
  refersTo: string | null;
  behaviour: Behaviour | null;
};

const slowMs = 2000;
const flakyFailures = 2;

const behaviourOf: Readonly<Record<string, Behaviour>> = {
  tok_capture_lapses: 'capture_lapses',
  tok_capture_fails: 'capture_fails',
  tok_refund_fails: 'refund_fails',
};

/**
 * A provider of our own for development and tests. It keeps a ledger by key in its own transactions, as a
 * real one would at its end of the wire: what it answered before it was cut off stays true after a crash.
 * What it answers is said by the token: `tok_ok`, `tok_declined`, `tok_insufficient_funds`, `tok_timeout`
 * (never answers), `tok_flaky` (fails twice, then succeeds), `tok_slow` (2 s), `tok_capture_lapses` (refuses the
 * capture as expired, then grants another authorisation), `tok_capture_fails` (refuses the capture and another
 * authorisation), `tok_refund_fails` (captures, and refuses every refund); any other is invalid.
 */
export const createSandboxProvider = (db: Database, clock: Clock): PaymentProvider => {
  const entryOf = async (tx: Pick<Tx, 'query'>, key: string): Promise<Entry | undefined> => {
    const { rows } = await tx.query<Entry>(
      `SELECT kind, status, reason, amount_minor AS "amountMinor", refers_to AS "refersTo", behaviour
       FROM sandbox_ledger WHERE key = $1 FOR UPDATE`,
      [key],
    );
    return rows[0];
  };

  /** Writes the entry unless the key has one already; what is kept is what counts. */
  const enter = async (
    tx: Tx,
    key: string,
    entry: Pick<Entry, 'kind' | 'status' | 'amountMinor'> & Partial<Entry>,
  ): Promise<Entry> => {
    const { kind, status, reason = null, amountMinor, refersTo = null, behaviour = null } = entry;
    await tx.query(
      `INSERT INTO sandbox_ledger (key, kind, status, reason, amount_minor, refers_to, behaviour, created_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (key) DO NOTHING`,
      [key, kind, status, reason, amountMinor, refersTo, behaviour, new Date(clock.nowMs())],
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
      case 'tok_capture_lapses':
      case 'tok_capture_fails':
      case 'tok_refund_fails':
        return { outcome: 'authorized' };
      case 'tok_slow':
        await sleep(slowMs, { signal });
        if (signal.aborted) return timedOut();
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

  const authorize = (
    request: Omit<AuthorizeRequest, 'token'>,
    answer: AuthorizeAnswer,
    behaviour?: Behaviour,
  ) =>
    inTransaction(db, async (tx) => {
      const entry = await enter(tx, request.key, {
        kind: 'authorize',
        status: answer.outcome,
        reason: answer.outcome === 'declined' ? answer.reason : null,
        amountMinor: request.amountMinor,
        behaviour: behaviour ?? null,
      });
      return authorizationIn(entry);
    });

  const whyNotCaptured = (authorization: Entry | undefined, amountMinor: number): string | null => {
    if (authorization?.status !== 'authorized') return authorization?.reason ?? 'not_authorized';
    if (amountMinor > authorization.amountMinor) return 'amount_too_large';
    if (authorization.behaviour === 'capture_lapses') return 'authorization_expired';
    return authorization.behaviour === 'capture_fails' ? 'authorization_voided' : null;
  };

  const whyNotRefunded = async (tx: Tx, captureKey: string, amountMinor: number): Promise<string | null> => {
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

  return {
    name: 'sandbox',

    authorize: async (request, signal) =>
      authorize(request, await behave(request, signal), behaviourOf[request.token]),

    renew: async (request) => {
      const first = await entryOf(db, request.authorizationKey);
      return authorize(
        request,
        first?.behaviour === 'capture_lapses'
          ? { outcome: 'authorized' }
          : { outcome: 'declined', reason: 'declined' },
      );
    },

    capture: ({ key, authorizationKey, amountMinor }) =>
      inTransaction(db, async (tx) => {
        const reason = whyNotCaptured(await entryOf(tx, authorizationKey), amountMinor);
        const status = reason === null ? 'done' : 'refused';
        return finalIn(
          await enter(tx, key, { kind: 'capture', status, reason, amountMinor, refersTo: authorizationKey }),
        );
      }),

    void: ({ key, authorizationKey }) =>
      inTransaction(db, async (tx) => {
        const authorization = await enter(tx, authorizationKey, {
          kind: 'authorize',
          status: 'barred',
          reason: 'voided',
          amountMinor: 0,
        });
        const isCaptured = await tx.query(
          "SELECT FROM sandbox_ledger WHERE refers_to = $1 AND kind = 'capture' AND status = 'done'",
          [authorizationKey],
        );
        if (isCaptured.rows.length > 0)
          throw new PlatformError('dependency_unavailable', 'sandbox: captured money cannot be voided', {
            retriable: false,
          });
        const gaveBack = authorization.status === 'authorized';
        if (gaveBack)
          await tx.query("UPDATE sandbox_ledger SET status = 'voided', reason = 'voided' WHERE key = $1", [
            authorizationKey,
          ]);
        const { amountMinor } = authorization;
        const status = gaveBack ? 'done' : 'nothing';
        const entry = await enter(tx, key, { kind: 'void', status, amountMinor, refersTo: authorizationKey });
        return entry.status === 'done';
      }),

    refund: ({ key, captureKey, amountMinor }) =>
      inTransaction(db, async (tx) => {
        const known = await entryOf(tx, key);
        if (known) return finalIn(known);
        const reason = await whyNotRefunded(tx, captureKey, amountMinor);
        const status = reason === null ? 'done' : 'refused';
        return finalIn(
          await enter(tx, key, { kind: 'refund', status, reason, amountMinor, refersTo: captureKey }),
        );
      }),

    find: async (key) => {
      const entry = await entryOf(db, key);
      if (!entry) return null;
      return entry.kind === 'authorize' ? authorizationIn(entry) : finalIn(entry);
    },
  };
};

const authorizationIn = ({ status, reason }: Entry): AuthorizeAnswer =>
  status === 'authorized' ? { outcome: 'authorized' } : { outcome: 'declined', reason: reason ?? status };

const finalIn = ({ status, reason }: Entry): FinalAnswer =>
  status === 'refused' ? { outcome: 'refused', reason: reason ?? status } : { outcome: 'done' };

const timedOut = (): never => {
  throw new PlatformError('dependency_timeout', 'sandbox: no answer in time', { retriable: true });
};

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
