import { createHash, createHmac, randomBytes } from 'node:crypto';
import { SignJWT } from 'jose';
import type { Clock } from '#platform/clock';
import { tokenAlgorithm, tokenType } from '#platform/http/auth';
import type { SigningKeys } from './signing-keys.js';
import type { User } from './user.js';

export type AccessTokens = {
  /** A signed access token with the account's current roles. */
  issue(user: User, loginId: string): Promise<string>;
};

export const createAccessTokens = (
  keys: Pick<SigningKeys, 'signing'>,
  clock: Clock,
  options: { issuer: string; audience: string; ttlS: number },
): AccessTokens => ({
  issue: (user, loginId) => {
    const { kid, key } = keys.signing();
    const nowS = Math.floor(clock.nowMs() / 1000);
    return new SignJWT({ roles: user.roles, sid: loginId })
      .setProtectedHeader({ alg: tokenAlgorithm, kid, typ: tokenType })
      .setSubject(user.id)
      .setIssuer(options.issuer)
      .setAudience(options.audience)
      .setIssuedAt(nowS)
      .setExpirationTime(nowS + options.ttlS)
      .sign(key);
  },
});

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
