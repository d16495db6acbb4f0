import { createHash, createHmac, randomBytes } from 'node:crypto';
import {
  type CryptoKey,
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JSONWebKeySet,
  type JWK,
  SignJWT,
} from 'jose';
import { assert } from '#platform/assert';
import type { Clock } from '#platform/clock';
import { tokenType } from '#platform/http/auth';
import type { Database } from '#platform/postgres/pool';
import { inTransaction } from '#platform/postgres/transaction';
import type { Component } from '#platform/service-host';
import type { User } from './user.js';

const algorithm = 'ES256';
/** Makes sure that only one instance creates the first key. */
const keyLock = 7_318_004;

export type AccessTokens = Component & {
  /** A signed access token with the account's current roles. */
  issue(user: User, loginId: string): Promise<string>;
  /** The public keys, for services that verify tokens. */
  publicKeys(): JSONWebKeySet;
};

/** Keys are stored in the service's database, so every instance signs with the same one and a restart keeps logins. */
export const createAccessTokens = (
  db: Database,
  clock: Clock,
  options: { issuer: string; audience: string; ttlS: number },
): AccessTokens => {
  let signing: { kid: string; key: CryptoKey } | undefined;
  let published: JSONWebKeySet = { keys: [] };
  return {
    name: 'signing-keys',
    start: async () => {
      const keys = await storedKeys(db, clock);
      const newest = keys[0];
      assert(newest !== undefined, 'there is a signing key after one was made');
      signing = { kid: newest.kid, key: (await importJWK(newest.jwk, algorithm)) as CryptoKey };
      published = { keys: keys.map(({ kid, jwk: { d: _private, ...rest } }) => publicJwk(rest, kid)) };
    },
    stop: async () => {},
    issue: (user, loginId) => {
      assert(signing !== undefined, 'tokens are issued after the start');
      const nowS = Math.floor(clock.nowMs() / 1000);
      return new SignJWT({ roles: user.roles, sid: loginId })
        .setProtectedHeader({ alg: algorithm, kid: signing.kid, typ: tokenType })
        .setSubject(user.id)
        .setIssuer(options.issuer)
        .setAudience(options.audience)
        .setIssuedAt(nowS)
        .setExpirationTime(nowS + options.ttlS)
        .sign(signing.key);
    },
    publicKeys: () => published,
  };
};

const publicJwk = (jwk: JWK, kid: string): JWK => ({ ...jwk, kid, alg: algorithm, use: 'sig' });

const storedKeys = (db: Database, clock: Clock): Promise<{ kid: string; jwk: JWK }[]> =>
  inTransaction(db, async (tx) => {
    await tx.query('SELECT pg_advisory_xact_lock($1)', [keyLock]);
    const { rows } = await tx.query<{ kid: string; private_jwk: JWK }>(
      'SELECT kid, private_jwk FROM signing_keys ORDER BY created_at DESC, kid',
    );
    if (rows.length > 0) return rows.map((row) => ({ kid: row.kid, jwk: row.private_jwk }));
    const pair = await generateKeyPair(algorithm, { extractable: true });
    const jwk = await exportJWK(pair.privateKey);
    const kid = await calculateJwkThumbprint(jwk);
    await tx.query('INSERT INTO signing_keys (kid, private_jwk, created_at) VALUES ($1, $2, $3)', [
      kid,
      JSON.stringify(jwk),
      new Date(clock.nowMs()),
    ]);
    return [{ kid, jwk }];
  });

/** 256 random bits; only the hash is stored. */
export const newRefreshToken = (): { token: string; hash: Buffer } => {
  const token = randomBytes(32).toString('base64url');
  return { token, hash: refreshTokenHash(token) };
};

/**
 * The successor of `token`, the same at every call. It can be computed only from both the token and the login's secret,
 * so neither a thief of the token nor a reader of the database can compute it before the client asks for it.
 */
export const successorOf = (token: string, loginSecret: Buffer): { token: string; hash: Buffer } => {
  const successor = createHmac('sha256', loginSecret).update(token).digest('base64url');
  return { token: successor, hash: refreshTokenHash(successor) };
};

export const refreshTokenHash = (token: string): Buffer => createHash('sha256').update(token).digest();
