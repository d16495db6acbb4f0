import { performance } from 'node:perf_hooks';
import { sleep } from '#platform/waiting/sleep';

/** The busy share of the event loop, at most some milliseconds old. */
export type LoopShare = () => number;

const sampleMs = 50;

export const createLoopShare = (
  sample: typeof performance.eventLoopUtilization = performance.eventLoopUtilization,
): LoopShare => {
  let before = sample();
  let share = 0;
  return () => {
    const { active, idle, utilization } = sample(before);
    if (active + idle < sampleMs) return share;
    before = sample();
    share = utilization;
    return share;
  };
};

const ofThisProcess = createLoopShare();
const busyMin = 0.8;

/** For work that others need not wait for: rests for `restMs` while the event loop has hardly time for anything else. */
export const giveWay = async (
  restMs: number,
  { share = ofThisProcess, wait = (ms: number) => sleep(ms) } = {},
): Promise<void> => {
  if (share() > busyMin) await wait(restMs);
};
