import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Batch, readBatch, writeBatch } from '#platform/postgres/gathering';
import { inJointTransaction } from '#platform/postgres/joint-transactions';
import { listParameter } from '#platform/postgres/list-parameter';
import type { Database } from '#platform/postgres/pool';
import { inTransaction, type Tx } from '#platform/postgres/transaction';
import { callerIdOf } from './auth.js';
import { problem } from './problem-details.js';

/** An answer that is stored to be sent again. `body` must survive JSON. */
export type StoredAnswer = {
  status: number;
  body: Readonly<Record<string, unknown>>;
  headers?: Record<string, string>;
  /**
   * A field of the body that only the first sender may receive. Only a digest of its value is stored, and a repeat
   * receives the field only if its request presents the value.
   */
  secret?: { field: string; value: string };
};

/** Needs `projectPath(idempotencyMigrations)` among the service's migrations. */
export const idempotencyMigrations = 'platform/http/migrations';

const keptHours = 24;
const pruneEveryKeys = 16;
const prunedAtOnceMax = 200;

/**
 * Runs `effect` at most once for each caller and `Idempotency-Key`, and sends its answer. The answer is stored in the
 * effect's own transaction, so either both exist or neither. A repeat receives the stored answer (with
 * `Idempotency-Replayed: true`). The key with another body is answered with 422, and a repeat whose first request is
 * still running with 409. If `effect` throws, everything is rolled back, and the key can be used again. The route
 * declares `requires: ['idempotency-key']`. `caller` is the owner of the key: the account's or API key's id, or
 * `anonymous`, if unset. `presented` is the secret that the request sends to receive the answer's secret again: a
 * person who has only seen the first request could send the same key and body. With `isJoint`, requests that come at
 * the same time share a transaction (see `inJointTransaction` for what `effect` may do then).
 */
export const idempotent = async <R extends { header(name: string, value: string): unknown }>(
  db: Database,
  request: FastifyRequest,
  reply: R,
  effect: (tx: Tx) => Promise<StoredAnswer>,
  options: { caller?: string; presented?: string | undefined; isJoint?: boolean } = {},
): Promise<R> => {
  const key = request.headers['idempotency-key'];
  if (typeof key !== 'string' || key.length === 0 || key.length > 255)
    throw problem(400, 'idempotency_key_required', 'Send an Idempotency-Key, one per intention.');
  const caller = options.caller ?? callerIdOf(request.principal) ?? 'anonymous';
  const hash = requestHash(request);

  const transact = options.isJoint === true ? inJointTransaction : inTransaction;
  const { answer, isReplay } = await onlyOneOf(db, `${caller} ${key}`, (isFirst) =>
    transact(db, async (tx) => {
      const isClaimed = isFirst && (await tx.gather(claimAll, `idempotency ${caller} ${key}`));
      // A stored answer needs no lock: concurrent repeats all receive it.
      const stored = await storedAnswer(tx, { caller, key, hash, presented: options.presented });
      if (stored !== undefined) return { answer: stored, isReplay: true };
      if (!isClaimed) throw stillRunning();
      const fresh = await effect(tx);
      await tx.gather(keepAll, keptOf({ caller, key, hash }, fresh));
      if (isPruneDue()) await tx.gather(pruneOnce, undefined);
      return { answer: withSecret(fresh, fresh.secret), isReplay: false };
    }),
  );
  if (isReplay) reply.header('idempotency-replayed', 'true');
  return sendAnswer(reply, answer);
};

/**
 * As `idempotent` for a request with a key; without one `effect` runs each time. The route declares
 * `accepts: ['idempotency-key']`.
 */
export const idempotentIfKeyed: typeof idempotent = async (db, request, reply, effect, options) => {
  if (request.headers['idempotency-key'] !== undefined)
    return idempotent(db, request, reply, effect, options);
  const answer = await inTransaction(db, effect);
  return sendAnswer(reply, withSecret(answer, answer.secret));
};

const sendAnswer = <R>(reply: R, { status, headers = {}, body }: StoredAnswer): R => {
  // The reply is typed by its route's schema, which this function serves for all of them.
  (reply as unknown as FastifyReply).code(status).headers(headers).send(body);
  return reply;
};

const atWork = new WeakMap<Database['pool'], Set<string>>();

/**
 * Reports to `work` whether it is the only one of this name in this process. The database's lock cannot: requests that
 * share a transaction would all be given it.
 */
const onlyOneOf = async <T>(
  { pool }: Database,
  name: string,
  work: (isFirst: boolean) => Promise<T>,
): Promise<T> => {
  const names = atWork.get(pool) ?? new Set();
  atWork.set(pool, names);
  if (names.has(name)) return work(false);
  names.add(name);
  try {
    return await work(true);
  } finally {
    names.delete(name);
  }
};

/** The locks are held until the transaction ends. A concurrent repeat does not wait and is answered with 409. */
const claimAll: Batch<string, boolean> = readBatch(async (tx, names) => {
  const { rows } = await tx.query<{ claimed: boolean }>(
    `SELECT pg_try_advisory_xact_lock(hashtextextended(name, 0)) AS claimed
     FROM unnest(${listParameter(1, 'text')}) WITH ORDINALITY AS given(name, n) ORDER BY n`,
    [names],
  );
  return rows.map(({ claimed }) => claimed);
});

const stillRunning = () =>
  problem(409, 'request_in_progress', 'The first request with this Idempotency-Key is still running.', {
    headers: { 'retry-after': '1' },
  });

type Claim = { caller: string; key: string; hash: Buffer };

const keptOf = ({ caller, key, hash }: Claim, answer: StoredAnswer) => ({
  principal: caller,
  key,
  hash: hash.toString('hex'),
  status: answer.status,
  headers: answer.headers ?? {},
  body: answer.body,
  secretField: answer.secret?.field ?? null,
  secretHash: answer.secret === undefined ? null : digestOf(answer.secret.value).toString('hex'),
});

const keepAll = writeBatch<ReturnType<typeof keptOf>>((tx, answers) =>
  tx.query(
    `INSERT INTO idempotency_keys (principal, key, request_hash, status, headers, body, secret_field, secret_hash)
     SELECT principal, key, decode(hash, 'hex'), status, headers, body, "secretField", decode("secretHash", 'hex')
     FROM jsonb_to_recordset($1::jsonb) AS answer(principal text, key text, hash text, status integer, headers jsonb,
       body jsonb, "secretField" text, "secretHash" text)
     ON CONFLICT (principal, key) DO UPDATE SET request_hash = excluded.request_hash, status = excluded.status,
       headers = excluded.headers, body = excluded.body, secret_field = excluded.secret_field,
       secret_hash = excluded.secret_hash, created_at = excluded.created_at`,
    [JSON.stringify(answers)],
  ),
);

type StoredRow = {
  n: number;
  request_hash: Buffer;
  status: number;
  headers: Record<string, string>;
  body: Record<string, unknown>;
  secret_field: string | null;
  secret_hash: Buffer | null;
};

const findAll: Batch<{ caller: string; key: string }, StoredRow | undefined> = readBatch(async (tx, keys) => {
  const { rows } = await tx.query<StoredRow>(
    `SELECT n, request_hash, status, headers, body, secret_field, secret_hash
     FROM unnest(${listParameter(1, 'text')}, ${listParameter(2, 'text')}) WITH ORDINALITY AS given(principal, key, n)
     JOIN idempotency_keys USING (principal, key)
     WHERE created_at > now() - make_interval(hours => $3)`,
    [keys.map(({ caller }) => caller), keys.map(({ key }) => key), keptHours],
  );
  const byPosition = new Map(rows.map((row) => [row.n, row]));
  return keys.map((_, n) => byPosition.get(n + 1));
});

const storedAnswer = async (
  tx: Tx,
  { caller, key, hash, presented }: Claim & { presented: string | undefined },
): Promise<StoredAnswer | undefined> => {
  const row = await tx.gather(findAll, { caller, key });
  if (row === undefined) return undefined;
  if (!row.request_hash.equals(hash))
    throw problem(422, 'idempotency_key_reused', 'This Idempotency-Key was used for another request.');
  const { secret_field: field, secret_hash: digest, status, headers, body } = row;
  const isProven =
    field !== null &&
    digest !== null &&
    presented !== undefined &&
    timingSafeEqual(digestOf(presented), digest);
  return withSecret({ status, headers, body }, isProven ? { field, value: presented } : undefined);
};

const withSecret = (answer: StoredAnswer, secret: StoredAnswer['secret']): StoredAnswer =>
  secret === undefined ? answer : { ...answer, body: { ...answer.body, [secret.field]: secret.value } };

const digestOf = (value: string): Buffer => createHash('sha256').update(value).digest();

let kept = -1;
const isPruneDue = (): boolean => {
  kept += 1;
  return kept % pruneEveryKeys === 0;
};

/**
 * For every few new keys more expired ones are deleted than there are new ones, so the table stays bounded without a
 * separate job.
 */
const pruneOnce = writeBatch<undefined>((tx) =>
  tx.query(
    `DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(
       SELECT ctid FROM idempotency_keys WHERE created_at < now() - make_interval(hours => $1)
       ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED))`,
    [keptHours, prunedAtOnceMax],
  ),
);

const requestHash = (request: FastifyRequest): Buffer =>
  createHash('sha256')
    .update(`${request.method} ${request.url.split('?', 1)[0]}\n`)
    .update(JSON.stringify(canonical(request.body)) ?? '')
    .digest();

/** Sorts keys, because two bodies that differ only in the order of their keys are the same. */
const canonical = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, canonical(item)]),
  );
};
