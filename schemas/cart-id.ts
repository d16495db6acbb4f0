/**
 * The signed id of a guest's cart, which the client sends as `X-Cart-Id`: `<uuid>.<expiry>.<signature>`. Only the cart
 * service can verify it. Whoever only names the cart, as the order service does, reads the id.
 */
export const cartIdHeader = 'x-cart-id';

export const cartIdCharsMax = 200;

/** The id in a signed one, not verified; null where the text has none. */
export const cartIdIn = (signed: string | undefined): string | null =>
  signed !== undefined && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\./.test(signed)
    ? signed.slice(0, 36)
    : null;
