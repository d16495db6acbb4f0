import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Database } from '#platform/postgres/pool';
import { inTransaction, type Tx } from '#platform/postgres/transaction';
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
const prunedPerRequestMax = 20;

/**
 * Runs `effect` at most once for each caller and `Idempotency-Key`, and sends its answer. The answer is stored in the
 * effect's own transaction, so either both exist or neither. A repeat receives the stored answer (with
 * `Idempotency-Replayed: true`). The key with another body is answered with 422, and a repeat whose first request is
 * still running with 409. If `effect` throws, everything is rolled back, and the key can be used again. The route
 * declares `requires: ['idempotency-key']`. `caller` is the owner of the key: the user's id, or `anonymous`, if unset.
 * `presented` is the secret that the request sends to receive the answer's secret again: a person who has only seen the
 * first request could send the same key and body.
 */
export const idempotent = async <R extends { header(name: string, value: string): unknown }>(
  db: Database,
  request: FastifyRequest,
  reply: R,
  effect: (tx: Tx) => Promise<StoredAnswer>,
  options: { caller?: string; presented?: string | undefined } = {},
): Promise<R> => {
  const key = request.headers['idempotency-key'];
  if (typeof key !== 'string' || key.length === 0 || key.length > 255)
    throw problem(400, 'idempotency_key_required', 'Send an Idempotency-Key, one per intention.');
  const caller =
    options.caller ?? (request.principal.kind === 'user' ? request.principal.userId : 'anonymous');
  const hash = requestHash(request);

  const { answer, isReplay } = await inTransaction(db, async (tx) => {
    const isClaimed = await claim(tx, caller, key);
    // A stored answer needs no lock: concurrent repeats all receive it.
    const stored = await storedAnswer(tx, { caller, key, hash, presented: options.presented });
    if (stored !== undefined) return { answer: stored, isReplay: true };
    if (!isClaimed) throw stillRunning();
    const fresh = await effect(tx);
    await keep(tx, { caller, key, hash }, fresh);
    await prune(tx);
    return { answer: withSecret(fresh, fresh.secret), isReplay: false };
  });
  if (isReplay) reply.header('idempotency-replayed', 'true');
  // The reply is typed by its route's schema, which this function serves for all of them.
  (reply as unknown as FastifyReply)
    .code(answer.status)
    .headers(answer.headers ?? {})
    .send(answer.body);
  return reply;
};

/** The lock is held until the transaction ends. A concurrent repeat does not wait for it and is answered with 409. */
const claim = async (tx: Tx, caller: string, key: string): Promise<boolean> => {
  const { rows } = await tx.query<{ claimed: boolean }>(
    'SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS claimed',
    [`idempotency ${caller} ${key}`],
  );
  return rows[0]?.claimed === true;
};

const stillRunning = () =>
  problem(409, 'request_in_progress', 'The first request with this Idempotency-Key is still running.', {
    headers: { 'retry-after': '1' },
  });

type Claim = { caller: string; key: string; hash: Buffer };

const keep = async (tx: Tx, { caller, key, hash }: Claim, answer: StoredAnswer): Promise<void> => {
  const { status, headers = {}, body, secret } = answer;
  await tx.query(
    `INSERT INTO idempotency_keys (principal, key, request_hash, status, headers, body, secret_field, secret_hash)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT (principal, key) DO UPDATE SET request_hash = excluded.request_hash, status = excluded.status,
       headers = excluded.headers, body = excluded.body, secret_field = excluded.secret_field,
       secret_hash = excluded.secret_hash, created_at = excluded.created_at`,
    [
      caller,
      key,
      hash,
      status,
      JSON.stringify(headers),
      JSON.stringify(body),
      secret?.field ?? null,
      secret === undefined ? null : digestOf(secret.value),
    ],
  );
};

const storedAnswer = async (
  tx: Tx,
  { caller, key, hash, presented }: Claim & { presented: string | undefined },
): Promise<StoredAnswer | undefined> => {
  const { rows } = await tx.query<{
    request_hash: Buffer;
    status: number;
    headers: Record<string, string>;
    body: Record<string, unknown>;
    secret_field: string | null;
    secret_hash: Buffer | null;
  }>(
    `SELECT request_hash, status, headers, body, secret_field, secret_hash FROM idempotency_keys
     WHERE principal = $1 AND key = $2 AND created_at > now() - make_interval(hours => $3)`,
    [caller, key, keptHours],
  );
  const row = rows[0];
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

/** Each new key deletes a few expired ones, so the table stays bounded without a separate job. */
const prune = async (tx: Tx): Promise<void> => {
  await tx.query(
    `DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(
       SELECT ctid FROM idempotency_keys WHERE created_at < now() - make_interval(hours => $1)
       ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED))`,
    [keptHours, prunedPerRequestMax],
  );
};

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
