import { createHmac, timingSafeEqual } from 'node:crypto';
import { cartClaimIn, cartIdCharsMax, cartIdIn } from '#schemas/cart-id';

/** How long an id is good. An answer renews one that has used up half of it. */
export const idKeptMs = 30 * 86_400_000;

/** A guest's cart as its holder names it. */
export type KnownCartId = { cartId: string; isRenewable: boolean };

const expiryRadix = 36;

const expiresAtMsIn = (expiry: string): number => Number.parseInt(expiry, expiryRadix) * 1000;

const signatureOf = (named: string, secret: Buffer): Buffer =>
  createHmac('sha256', secret).update(`cart ${named}`).digest();

/** Signs the id for `idKeptMs` from now. */
export const signCartId = (cartId: string, secret: Buffer, nowMs: number): string => {
  const named = `${cartId}.${Math.floor((nowMs + idKeptMs) / 1000).toString(expiryRadix)}`;
  return `${named}.${signatureOf(named, secret).toString('base64url')}`;
};

/** Undefined for a text that was not signed with the secret, or has expired. */
export const verifyCartId = (
  signed: string | undefined,
  secret: Buffer,
  nowMs: number,
): KnownCartId | undefined => {
  const cartId = cartIdIn(signed);
  if (signed === undefined || cartId === null || signed.length > cartIdCharsMax) return undefined;
  const [, expiry = '', signature = '', ...more] = signed.split('.');
  const given = Buffer.from(signature, 'base64url');
  const expected = signatureOf(`${cartId}.${expiry}`, secret);
  if (more.length > 0 || given.length !== expected.length || !timingSafeEqual(given, expected))
    return undefined;
  const expiresAtMs = expiresAtMsIn(expiry);
  if (!(nowMs < expiresAtMs)) return undefined;
  return { cartId, isRenewable: expiresAtMs - nowMs < idKeptMs / 2 };
};

/** True where the proof is that of an id which was signed with the secret and had not expired at this time. */
export const isProof = (
  { cartId, cartProof }: { cartId: string; cartProof: string | null },
  secret: Buffer,
  nowMs: number,
): boolean => {
  const [expiry = ''] = cartProof?.split('.') ?? [];
  const named = `${cartId}.${expiry}`;
  const signed = `${named}.${signatureOf(named, secret).toString('base64url')}`;
  return cartClaimIn(signed).cartProof === cartProof && nowMs < expiresAtMsIn(expiry);
};
