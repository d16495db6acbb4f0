/** With fewer orders before, a percentage jumps with each order and says nothing about the shop. */
export const comparedOrdersMin = 20;

/** In place of a change that cannot be told from chance; its words say from when on it is shown. */
export const NotEnough = ({ children }: { children: string }) => (
  <span className="text-ink-soft text-xs" title={children}>
    not enough yet to compare
  </span>
);
