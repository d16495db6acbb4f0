import type { Claim, ClaimedBefore } from '../block-claims.js';

/** The records from 10 to 19, inserted at the first attempt. */
export const claimOfTen = (ageMs: number): Claim & ClaimedBefore => ({
  firstOffset: 10,
  lastOffset: 19,
  attempt: 0,
  schemaIds: [1],
  rows: 10,
  excluded: [],
  gathered: null,
  claimedAtMs: 0,
  ageMs,
});
