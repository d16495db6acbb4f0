import { createHash } from 'node:crypto';
import { strictJson } from '#platform/http/strict-json';

const lengthMax = 254;

/**
 * The key under which logins and registrations of one account are counted. All spellings of an address that the user
 * service may treat as one account have the same key: without spaces and invisible characters, composed, and folded
 * over both cases (`ß`, `ẞ` and `SS` alike). If the key is too coarse, two odd addresses share five attempts; if it
 * were too fine, one account would have five for each spelling. At most 254 characters, the longest address that can
 * log in.
 */
export const accountKey = (email: string): string =>
  email
    .slice(0, lengthMax)
    .normalize('NFKC')
    .replace(/[\s\p{Default_Ignorable_Code_Point}]/gu, '')
    .toLowerCase()
    .toUpperCase()
    .toLowerCase()
    .normalize('NFKC')
    .slice(0, lengthMax);

/** Redis holds no address: what counts for an account is a digest of its key. */
const digestOf = (key: string): string => createHash('sha256').update(key).digest('base64url').slice(0, 22);

/**
 * The digest of the key of the account that a body names, before the body is validated. Undefined for a body that names
 * none, or that the service refuses to parse: then nobody logs in or orders with it.
 */
export const accountIn = (body: unknown): string | undefined => {
  if (!Buffer.isBuffer(body)) return undefined;
  try {
    const { email } = strictJson(body, { mustBeKeepable: false }) as { email?: unknown };
    return typeof email === 'string' ? digestOf(accountKey(email)) : undefined;
  } catch {
    return undefined;
  }
};
