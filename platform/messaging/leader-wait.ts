import { sleep } from '#platform/waiting/sleep';

const notLeaderCode = 6;
const leaderWaitsMax = 20;
const leaderWaitMs = 100;

/**
 * The answer of a partition's leader, asked for again (up to two seconds) while the broker says that it is not the
 * leader: metadata names a leader a moment before that broker knows it, and neither library asks again by itself.
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
