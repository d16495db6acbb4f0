import { createHash, createHmac, randomBytes } from 'node:crypto';
import { SignJWT } from 'jose';
import type { Clock } from '#platform/clock';
import { tokenAlgorithm, tokenType } from '#platform/http/auth';
import type { Role } from '#schemas/roles';
import type { SigningKeys } from './signing-keys.js';
import type { User } from './user.js';

export type AccessTokens = {
  /** A signed access token with the account's current roles. */
  issue(user: User, loginId: string): Promise<string>;
  /** The same for a program that calls with an API key: it has an admin's role, within these scopes. */
  issueForKey(keyId: string, scopes: readonly string[]): Promise<{ token: string; ttlS: number }>;
};

/** Only the gateway has the token of a key, and asks for another every few seconds. */
const keyTokenTtlS = 60;

export const createAccessTokens = (
  keys: Pick<SigningKeys, 'signing'>,
  clock: Clock,
  options: { issuer: string; audience: string; ttlS: number },
): AccessTokens => {
  const sign = (subject: string, claims: Record<string, unknown>, ttlS: number): Promise<string> => {
    const { kid, key } = keys.signing();
    const nowS = Math.floor(clock.nowMs() / 1000);
    return new SignJWT(claims)
      .setProtectedHeader({ alg: tokenAlgorithm, kid, typ: tokenType })
      .setSubject(subject)
      .setIssuer(options.issuer)
      .setAudience(options.audience)
      .setIssuedAt(nowS)
      .setExpirationTime(nowS + ttlS)
      .sign(key);
  };
  return {
    issue: (user, loginId) => sign(user.id, { roles: user.roles, sid: loginId }, options.ttlS),
    issueForKey: async (keyId, scopes) => ({
      token: await sign(keyId, { roles: ['admin' satisfies Role], scopes }, keyTokenTtlS),
      ttlS: keyTokenTtlS,
    }),
  };
};

/** 256 random bits; only the hash is stored. */
export const newToken = (): { token: string; hash: Buffer } => {
  const token = randomBytes(32).toString('base64url');
  return { token, hash: tokenHash(token) };
};

/**
 * The successor of `token`, the same at every call. It can be computed only from both the token and the login's secret,
 * so neither a thief of the token nor a reader of the database can compute it before the client asks for it.
 */
export const successorOf = (token: string, loginSecret: Buffer): { token: string; hash: Buffer } => {
  const successor = createHmac('sha256', loginSecret).update(token).digest('base64url');
  return { token: successor, hash: tokenHash(successor) };
};

export const tokenHash = (token: string): Buffer => createHash('sha256').update(token).digest();
