import {
  type CryptoKey,
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JSONWebKeySet,
  type JWK,
} from 'jose';
import { assert } from '#platform/assert';
import { tokenAlgorithm } from '#platform/http/auth';
import type { Database } from '#platform/postgres/pool';
import { inTransaction, type Tx } from '#platform/postgres/transaction';
import type { Component, Host } from '#platform/service-host';
import { sleep } from '#platform/waiting/sleep';
import { type DatedKey, planRotation, type RotationTimes } from './key-rotation.js';

const curve = 'Ed25519';
/** Only one instance at a time creates a key. */
const keyLock = 7_318_004;
const lookEveryMs = 60_000;
/** Whoever verifies tokens reads the keys every ten minutes. */
const publishAheadMs = 15 * 60_000;
/** Besides a token's lifetime: an instance that has not looked yet signs with the former key a little longer. */
const publishAfterMarginMs = 5 * 60_000;

export type SigningKeys = Component & {
  /** The key that signs now. */
  signing(): { kid: string; key: CryptoKey };
  /** The public keys, for services that verify tokens. */
  published(): JSONWebKeySet;
};

type Stored = DatedKey & { jwk: JWK };

/**
 * Keys are stored in the service's database, so every instance signs with the same one and a restart keeps logins. Each
 * instance looks once a minute whether the next key is due. A key that cannot be trusted any more is taken out of the
 * table by hand; tokens that it signed end once whoever verifies them has read the keys again: see
 * `createAuthenticator`.
 */
export const createSigningKeys = (
  host: Pick<Host, 'clock' | 'logger' | 'stopping'>,
  db: Database,
  { tokenTtlS, rotateAfterS }: { tokenTtlS: number; rotateAfterS: number },
): SigningKeys => {
  const times: RotationTimes = {
    rotateAfterMs: rotateAfterS * 1000,
    publishAheadMs,
    publishAfterMs: tokenTtlS * 1000 + publishAfterMarginMs,
  };
  let signing: { kid: string; key: CryptoKey } | undefined;
  let published: JSONWebKeySet = { keys: [] };
  let watching: Promise<void> | undefined;

  const look = async (): Promise<void> => {
    const nowMs = host.clock.nowMs();
    const keys = await inTransaction(db, (tx) => rotate(tx, times, nowMs));
    const { signs } = planRotation(keys, nowMs, times);
    const chosen = keys.find(({ kid }) => kid === signs);
    assert(chosen !== undefined, 'there is a signing key after one was made');
    if (chosen.kid !== signing?.kid) {
      signing = { kid: chosen.kid, key: (await importJWK(chosen.jwk, tokenAlgorithm)) as CryptoKey };
      host.logger.info({ kid: chosen.kid }, 'signs access tokens');
    }
    published = { keys: keys.map(publicJwkOf) };
  };

  const watch = async (): Promise<void> => {
    while (!host.stopping.aborted) {
      await sleep(lookEveryMs, { signal: host.stopping, keepsAlive: false });
      if (host.stopping.aborted) return;
      try {
        await look();
      } catch (error) {
        host.logger.warn({ err: error }, 'could not read the signing keys');
      }
    }
  };

  return {
    name: 'signing-keys',
    start: async () => {
      await look();
      watching = watch();
    },
    stop: async () => {
      await watching;
    },
    signing: () => {
      assert(signing !== undefined, 'tokens are issued after the start');
      return signing;
    },
    published: () => published,
  };
};

/** Newest first. */
const rotate = async (tx: Tx, times: RotationTimes, nowMs: number): Promise<Stored[]> => {
  await tx.query('SELECT pg_advisory_xact_lock($1)', [keyLock]);
  const keys = await storedKeys(tx);
  const { isKeyDue, obsolete } = planRotation(keys, nowMs, times);
  if (isKeyDue) await addKey(tx, nowMs);
  if (obsolete.length > 0) await tx.query('DELETE FROM signing_keys WHERE kid = ANY ($1)', [obsolete]);
  return isKeyDue || obsolete.length > 0 ? storedKeys(tx) : keys;
};

const storedKeys = async (tx: Tx): Promise<Stored[]> => {
  const { rows } = await tx.query<{ kid: string; private_jwk: JWK; created_at: Date }>(
    'SELECT kid, private_jwk, created_at FROM signing_keys ORDER BY created_at DESC, kid',
  );
  return rows.map(({ kid, private_jwk: jwk, created_at: createdAt }) => ({
    kid,
    jwk,
    isCurrentKind: jwk.crv === curve,
    createdAtMs: createdAt.getTime(),
  }));
};

const addKey = async (tx: Tx, nowMs: number): Promise<void> => {
  const pair = await generateKeyPair(tokenAlgorithm, { crv: curve, extractable: true });
  const jwk = await exportJWK(pair.privateKey);
  await tx.query('INSERT INTO signing_keys (kid, private_jwk, created_at) VALUES ($1, $2, $3)', [
    await calculateJwkThumbprint(jwk),
    JSON.stringify(jwk),
    new Date(nowMs),
  ]);
};

const publicJwkOf = ({ kid, jwk: { d: _private, ...rest } }: Stored): JWK => ({
  ...rest,
  kid,
  alg: tokenAlgorithm,
  use: 'sig',
});
