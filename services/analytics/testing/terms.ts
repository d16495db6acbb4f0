/** What a search is compared by, as `term` of `visit-rows.ts` has it in SQL. */
export const comparedTerm = (typed: string): string =>
  typed.normalize('NFKC').replace(/\s+/g, ' ').trim().toLowerCase();
