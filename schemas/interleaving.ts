/**
 * Interleaved lists (team drafting: Radlinski, Kurup and Joachims, CIKM 2008): of each two places one is the first arm's and
 * one the second's, in an order that chance decides. The chance is in the random end of the recommendationId, so whoever
 * has the id and the place of a click knows whose product it was.
 */

/** The last digits of an id, which are random in every labelled id. */
const coinDigits = 6;
const coins = 4 * coinDigits;

/** The arm, 0 or 1, whose product is at this place, counted from 0, of an interleaved list. */
export const teamAt = (recommendationId: string, place: number): 0 | 1 => {
  const bits = Number.parseInt(recommendationId.slice(-coinDigits), 16);
  const coin = (bits >>> (Math.floor(place / 2) % coins)) & 1;
  return (coin ^ (place % 2)) === 0 ? 0 : 1;
};

/** `teamAt` in ClickHouse, for columns of ids and of places. */
export const teamInSql = (recommendationId: string, place: string): string => {
  const digits = `concat('00', substring(${recommendationId}, ${37 - coinDigits}, ${coinDigits}))`;
  const bits = `reinterpretAsUInt32(reverse(unhex(${digits})))`;
  return `bitXor(bitAnd(bitShiftRight(${bits}, intDiv(${place}, 2) % ${coins}), 1), ${place} % 2)`;
};
