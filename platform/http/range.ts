/** The words for an upper bound that is below its lower one: nothing lies between them, so the caller has mixed them up. */
export const mustNotBeBelow = (from: string, to: string) => ({
  path: [to],
  message: `must not be below ${from}`,
});

/** False where the upper bound is below the lower one. */
export const isRange = (from: number | undefined, to: number | undefined): boolean =>
  from === undefined || to === undefined || from <= to;
