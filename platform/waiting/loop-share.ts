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

/** Times for which somebody waits for much work at once, such as an import, and is to have the event loop. */
export const createLoopClaims = (monotonicMs: () => number = () => performance.now()) => {
  let untilMs = Number.NEGATIVE_INFINITY;
  return {
    claim: (forMs: number): void => {
      untilMs = Math.max(untilMs, monotonicMs() + forMs);
    },
    isClaimed: (): boolean => monotonicMs() < untilMs,
  };
};

const claimsOfThisProcess = createLoopClaims();

/** Has those wait that give way, for `forMs` from now. The caller bounds how long it claims the loop again and again. */
export const claimLoop = claimsOfThisProcess.claim;

/**
 * Claims the loop again and again for whoever is behind, for `continuouslyMsMax` at a time: then not before it has been
 * without need for as long.
 */
export const createBoundedClaim = (
  continuouslyMsMax: number,
  {
    claim = claimLoop,
    monotonicMs = () => performance.now(),
  }: { claim?: (forMs: number) => void; monotonicMs?: () => number } = {},
): ((forMs: number) => void) => {
  let sinceMs = Number.NEGATIVE_INFINITY;
  let lastMs = Number.NEGATIVE_INFINITY;
  return (forMs) => {
    const nowMs = monotonicMs();
    if (nowMs - lastMs > continuouslyMsMax) sinceMs = nowMs;
    lastMs = nowMs;
    if (nowMs - sinceMs < continuouslyMsMax) claim(forMs);
  };
};

/** Even then what gives way goes on, a little. */
const claimedRestsMax = 25;

/**
 * For work that others need not wait for: rests for `restMs` while the event loop has hardly time for anything else, and
 * as often as 25 times while it is claimed.
 */
export const giveWay = async (
  restMs: number,
  {
    share = ofThisProcess,
    wait = (ms: number) => sleep(ms),
    isClaimed = claimsOfThisProcess.isClaimed,
  }: { share?: LoopShare; wait?: (ms: number) => Promise<unknown>; isClaimed?: () => boolean } = {},
): Promise<void> => {
  if (share() > busyMin) await wait(restMs);
  for (let rests = 0; rests < claimedRestsMax && isClaimed(); rests += 1) await wait(restMs);
};
