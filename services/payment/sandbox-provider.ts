import type { Clock } from '#platform/clock';
import { PlatformError } from '#platform/errors';
import { inJointTransaction } from '#platform/postgres/joint-transactions';
import type { Database, Queryable } from '#platform/postgres/pool';
import { inTransaction, type Tx } from '#platform/postgres/transaction';
import { sleep } from '#platform/waiting/sleep';
import type {
  AuthorizeAnswer,
  AuthorizeRequest,
  FinalAnswer,
  PaymentProvider,
  VoidRequest,
} from './provider.js';
import {
  type Behaviour,
  countAttempt,
  type Entry,
  enter,
  entryOf,
  gatheredEntryOf,
  whyNotCaptured,
  whyNotRefunded,
} from './sandbox-ledger.js';

const slowMs = 2000;
const flakyFailures = 2;

const behaviourOf: Readonly<Record<string, Behaviour>> = {
  tok_capture_lapses: 'capture_lapses',
  tok_capture_fails: 'capture_fails',
  tok_refund_fails: 'refund_fails',
};

/**
 * A built-in provider for development and tests. It keeps a ledger by key in its own transactions, as a real provider
 * does on its side, so its answers stay valid after a crash of ours.
 * The token decides the answer: `tok_ok`, `tok_declined`, `tok_insufficient_funds`, `tok_timeout`
 * (never answers), `tok_flaky` (fails twice, then succeeds), `tok_slow` (2 s), `tok_capture_lapses` (refuses the
 * capture as expired, then grants another authorisation), `tok_capture_fails` (refuses the capture and another
 * authorisation), `tok_refund_fails` (captures, and refuses every refund); any other is invalid.
 */
export const createSandboxProvider = (db: Database, clock: Clock): PaymentProvider => {
  const now = () => new Date(clock.nowMs());

  const authorize = (
    request: Omit<AuthorizeRequest, 'token'>,
    answer: AuthorizeAnswer,
    behaviour?: Behaviour,
  ) =>
    inJointTransaction(db, (tx) =>
      enterAuthorization(tx, request, answer, { behaviour: behaviour ?? null, at: now() }),
    );

  return {
    name: 'sandbox',
    // A failure that a token asks for says nothing about other buyers' calls.
    isDown: (error) => !(error instanceof PlatformError),

    authorize: async (request, signal) =>
      authorize(request, await behave(db, request, signal), behaviourOf[request.token]),

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
      inJointTransaction(db, async (tx) => {
        const reason = whyNotCaptured(await gatheredEntryOf(tx, authorizationKey), amountMinor);
        const status = reason === null ? 'done' : 'refused';
        return finalIn(
          await enter(
            tx,
            key,
            { kind: 'capture', status, reason, amountMinor, refersTo: authorizationKey },
            now(),
          ),
        );
      }),

    void: (request) => inTransaction(db, (tx) => voidAuthorization(tx, request, now())),

    refund: ({ key, captureKey, amountMinor }) =>
      inTransaction(db, async (tx) => {
        const known = await entryOf(tx, key);
        if (known) return finalIn(known);
        const reason = await whyNotRefunded(tx, captureKey, amountMinor);
        const status = reason === null ? 'done' : 'refused';
        return finalIn(
          await enter(tx, key, { kind: 'refund', status, reason, amountMinor, refersTo: captureKey }, now()),
        );
      }),

    find: async ({ key }) => {
      const entry = await entryOf(db, key);
      if (!entry) return null;
      return entry.kind === 'authorize' ? authorizationIn(entry) : finalIn(entry);
    },
  };
};

const enterAuthorization = async (
  tx: Tx,
  { key, amountMinor }: { key: string; amountMinor: number },
  answer: AuthorizeAnswer,
  { behaviour, at }: { behaviour: Behaviour | null; at: Date },
): Promise<AuthorizeAnswer> => {
  const reason = answer.outcome === 'declined' ? answer.reason : null;
  const entry = { kind: 'authorize', status: answer.outcome, reason, amountMinor, behaviour } as const;
  return authorizationIn(await enter(tx, key, entry, at));
};

/** Voids the authorisation, and blocks the key for an authorisation request that arrives later. */
const voidAuthorization = async (
  tx: Tx,
  { key, authorizationKey }: VoidRequest,
  at: Date,
): Promise<boolean> => {
  const bar = { kind: 'authorize', status: 'barred', reason: 'voided', amountMinor: 0 } as const;
  const { status, amountMinor } = await enter(tx, authorizationKey, bar, at);
  const { rows: captures } = await tx.query(
    "SELECT FROM sandbox_ledger WHERE refers_to = $1 AND kind = 'capture' AND status = 'done'",
    [authorizationKey],
  );
  if (captures.length > 0)
    throw new PlatformError('dependency_unavailable', 'sandbox: captured money cannot be voided', {
      retriable: false,
    });
  if (status === 'authorized')
    await tx.query("UPDATE sandbox_ledger SET status = 'voided', reason = 'voided' WHERE key = $1", [
      authorizationKey,
    ]);
  const outcome = status === 'authorized' ? 'done' : 'nothing';
  const entry = await enter(
    tx,
    key,
    { kind: 'void', status: outcome, amountMinor, refersTo: authorizationKey },
    at,
  );
  return entry.status === 'done';
};

/** The answer and the later behaviour of a token; throws where the caller gets no answer. */
const behave = async (
  db: Queryable,
  { key, token }: AuthorizeRequest,
  signal: AbortSignal,
): Promise<AuthorizeAnswer> => {
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
      if ((await countAttempt(db, key)) <= flakyFailures)
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
