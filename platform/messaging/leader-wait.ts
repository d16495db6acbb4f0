import { sleep } from '#platform/waiting/sleep';

const notLeaderCode = 6;
const leaderWaitsMax = 20;
const leaderWaitMs = 100;

/**
 * The outcome of a request to a partition's leader. It repeats the request for up to two seconds while the broker
 * answers that it is not the leader: metadata names a new leader a moment before that broker acts as one, and neither
 * library repeats the request by itself.
 */
export const onceLed = async <T>(ask: () => Promise<T>): Promise<T> => {
  for (let waits = 0; ; waits += 1)
    try {
      return await ask();
    } catch (error) {
      if ((error as { code?: unknown }).code !== notLeaderCode || waits >= leaderWaitsMax) throw error;
      await sleep(leaderWaitMs);
    }
};
