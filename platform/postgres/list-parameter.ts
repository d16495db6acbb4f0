/**
 * Parameter `$position`, a list of `type`, in a statement that runs all the time: `= ANY (…)`, `unnest(…)`. PostgreSQL
 * compares a plan for the list at hand with one for a list of ten, finds the first cheaper, and so plans the statement
 * at every call. It does not look into a subquery, and keeps the plan.
 */
export const listParameter = (position: number, type: 'uuid' | 'text'): string =>
  `(SELECT $${position}::${type}[])::${type}[]`;
