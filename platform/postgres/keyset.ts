/**
 * The SQL of a page that begins behind the row with which the one before ended, instead of counting rows: `orderBy`, and
 * `behind`, a condition, where there is such a row. `keys` are columns, which together are unique, all in one direction;
 * `after` has their values in that row; `bind` makes a parameter of a value.
 */
export const keyset = (
  keys: readonly string[],
  {
    descending,
    after,
    bind,
  }: {
    descending: boolean;
    after: readonly unknown[] | undefined;
    bind: (value: unknown) => string;
  },
): { orderBy: string; behind: string[] } => ({
  orderBy: keys.map((key) => `${key} ${descending ? 'DESC' : 'ASC'}`).join(', '),
  behind: after ? [`(${keys.join(', ')}) ${descending ? '<' : '>'} (${after.map(bind).join(', ')})`] : [],
});
