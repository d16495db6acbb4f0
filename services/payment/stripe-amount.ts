/**
 * Stripe counts some currencies in another unit than ISO 4217 does. The forint and the new Taiwan dollar are not among
 * them: Stripe counts their charges as ISO 4217 does, and only payouts of them are whole.
 */

/** No decimals by ISO 4217, two at Stripe, and these must be 00. */
const withTwoMore = new Set(['ISK', 'UGX']);
/** Two decimals by ISO 4217, none at Stripe. */
const withTwoLess = new Set(['MGA']);
/** Three decimals, of which Stripe takes the last one only as 0. */
const inTens = new Set(['BHD', 'JOD', 'KWD', 'OMR', 'TND']);

/**
 * The amount in the unit in which Stripe counts the currency; undefined where Stripe cannot express it. `amountMinor` is
 * in the minor unit of ISO 4217, `currency` its code in capitals.
 */
export const stripeAmount = (amountMinor: number, currency: string): number | undefined => {
  if (withTwoMore.has(currency)) return amountMinor * 100;
  if (withTwoLess.has(currency)) return amountMinor % 100 === 0 ? amountMinor / 100 : undefined;
  if (inTens.has(currency) && amountMinor % 10 !== 0) return undefined;
  return amountMinor;
};
