/** Once a second, for what is looked at by many parts of a process. */
export const secondMs = 1_000;

const actions = new Set<() => void>();
let timer: NodeJS.Timeout | undefined;

const run = (): void => {
  for (const action of [...actions]) action();
};

/**
 * Runs `action` once a second until the returned function is called; it keeps no process alive. All share one timer, because
 * an idle process pays for how often it wakes up rather than for what it then does.
 */
export const eachSecond = (action: () => void): (() => void) => {
  // The same function given twice has to run twice.
  const own = (): void => action();
  actions.add(own);
  timer ??= setInterval(run, secondMs).unref();
  return () => {
    actions.delete(own);
    if (actions.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
};
