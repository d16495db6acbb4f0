import { randomBytes } from 'node:crypto';
import type { Clock } from '#platform/clock';
import { apiKeyPrefix } from '#platform/http/auth';
import { newId } from '#platform/ids';
import type { EventPublisher } from '#platform/messaging/events';
import { append } from '#platform/outbox/outbox';
import type { Database } from '#platform/postgres/pool';
import { inTransaction } from '#platform/postgres/transaction';
import type { Scope } from '#schemas/scopes';
import type { Published } from './announcements.js';
import { type ApiKey, apiKeyStore } from './api-key-store.js';
import { type AccessTokens, tokenHash } from './tokens.js';
import type { UserStore } from './user-store.js';

export const apiKeysMax = 1000;
const hintChars = 4;

export type ApiKeys = ReturnType<typeof createApiKeys>;

/** The operations on API keys. Each change is one transaction, which contains its event. */
export const createApiKeys = (
  db: Database,
  {
    publisher,
    store,
    tokens,
    clock,
  }: { publisher: EventPublisher<Published>; store: UserStore; tokens: AccessTokens; clock: Clock },
) => ({
  /**
   * `key` is the whole key, which nobody can learn later. Refuses who is no admin any more: an access token keeps the role
   * of its time, and the key would outlive it.
   */
  create: (
    wanted: { name: string; scopes: readonly Scope[]; expiresAt: Date | null },
    createdBy: string,
  ): Promise<{ apiKey: ApiKey; key: string } | 'full' | 'forbidden'> => {
    const key = `${apiKeyPrefix}${randomBytes(32).toString('base64url')}`;
    const occurredAt = clock.nowMs();
    const apiKey: ApiKey = {
      id: newId(clock),
      name: wanted.name,
      hint: key.slice(-hintChars),
      scopes: [...new Set(wanted.scopes)].sort(),
      createdBy,
      createdAt: new Date(occurredAt),
      expiresAt: wanted.expiresAt,
      lastUsedAt: null,
    };
    const { id: keyId, scopes } = apiKey;
    return inTransaction(db, async (tx) => {
      const creator = await store.lock(tx, createdBy);
      if (!creator?.roles.includes('admin')) return 'forbidden';
      if (!(await apiKeyStore.add(tx, apiKey, tokenHash(key), apiKeysMax))) return 'full';
      const event = { keyId, scopes, createdBy, occurredAt };
      await append(tx, [publisher.event('ApiKeyCreated', keyId, event, { occurredAt })]);
      return { apiKey, key };
    });
  },

  /** False where there is no such key. */
  revoke: (keyId: string, revokedBy: string): Promise<boolean> =>
    inTransaction(db, async (tx) => {
      if (!(await apiKeyStore.remove(tx, keyId))) return false;
      const event = { keyId, revokedBy, occurredAt: clock.nowMs() };
      await append(tx, [publisher.event('ApiKeyRevoked', keyId, event, event)]);
      return true;
    }),

  /** A short-lived access token for the key; undefined for one that is unknown, revoked or expired. */
  tokenFor: async (key: string): Promise<{ token: string; ttlS: number } | undefined> => {
    const apiKey = await apiKeyStore.byHash(db, tokenHash(key), clock.nowMs());
    return apiKey && tokens.issueForKey(apiKey.id, apiKey.scopes);
  },
});
