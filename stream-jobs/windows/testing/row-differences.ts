/** Rows that are found less often, and more often, than they are expected: of one that was written twice, once too many. */
export const rowDifferences = (
  found: readonly string[],
  expected: readonly string[],
): { missing: string[]; tooMany: string[] } => {
  const left = new Map<string, number>();
  for (const row of found) left.set(row, (left.get(row) ?? 0) + 1);
  const missing = expected.filter((row) => {
    const times = left.get(row) ?? 0;
    left.set(row, Math.max(0, times - 1));
    return times === 0;
  });
  return { missing, tooMany: [...left].flatMap(([row, times]) => Array<string>(times).fill(row)) };
};
