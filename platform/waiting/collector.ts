/**
 * Collects what is added, and has `work` handle it: one call at a time, the first one after the turn of the loop in which
 * something was added, the next ones as long as something waits. So what comes together, or while `work` runs, is handled
 * together. `work` must take what it handles out of `waiting`, from the front, and must not reject.
 */
export const createCollector = <T>(work: (waiting: T[]) => Promise<void>): ((item: T) => void) => {
  const waiting: T[] = [];
  let isWorking = false;
  const workOff = async (): Promise<void> => {
    while (waiting.length > 0) await work(waiting);
    isWorking = false;
  };
  return (item) => {
    waiting.push(item);
    if (isWorking) return;
    isWorking = true;
    setImmediate(() => void workOff());
  };
};
