import { createHash } from 'node:crypto';

/**
 * The signed id of a guest's cart, which the client sends as `X-Cart-Id`: `<uuid>.<expiry>.<signature>`. Only the cart
 * service can verify it. Whoever only names the cart, as the order service does, passes on a proof that its caller holds
 * the id: the expiry and a digest of the signature, which is no id.
 */
export const cartIdHeader = 'x-cart-id';

export const cartIdCharsMax = 200;

/** The id in a signed one, not verified; null where the text has none. */
export const cartIdIn = (signed: string | undefined): string | null =>
  signed !== undefined && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\./.test(signed)
    ? signed.slice(0, 36)
    : null;

const proofOf = (expiry: string, signature: string): string =>
  `${expiry}.${createHash('sha256').update(signature).digest('base64url')}`;

/** The id in a signed one, not verified, with its proof. */
export const cartClaimIn = (
  signed: string | undefined,
): { cartId: string; cartProof: string } | { cartId: null; cartProof: null } => {
  const cartId = cartIdIn(signed);
  const [, expiry, signature] = signed?.split('.') ?? [];
  if (cartId === null || expiry === undefined || signature === undefined)
    return { cartId: null, cartProof: null };
  return { cartId, cartProof: proofOf(expiry, signature) };
};
