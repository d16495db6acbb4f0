/**
 * The place that an arrow down (step 1) or up (-1) marks next, among so many suggestions. Before the first and behind the
 * last one is the field itself, -1: there Enter searches for what was typed.
 */
export const nextMarked = (at: number, step: number, count: number): number => {
  const places = count + 1;
  return ((at + 1 + step + places) % places) - 1;
};
