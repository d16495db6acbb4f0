import { secondMs } from '#platform/waiting/each-second';

/**
 * Decides when a member of a group no longer works and has to be replaced. A client library may stop making progress
 * without reporting it: it may go on with an assignment that has ended, never fetch a partition again, or wait for an
 * answer that does not come. Each of these states is bounded in time here.
 *
 * Only time in which this process runs is counted. So after the process was stopped, or on a slow machine, the library
 * has as much time to answer as usual.
 */
export type MembershipWatch = {
  /** The broker has answered. */
  answer(): void;
  /** The assignment has ended; the member joins again. */
  leave(): void;
  /** The member has joined the group; its assignment is about to begin. */
  join(): void;
  /** The assignment has begun. */
  assign(): void;
  /** A fetch returned records although there is no assignment. */
  refuse(): void;
  /**
   * Call it every `checkEveryMs`. Returns the reason why the member has to be replaced, or undefined. `unfed` names the
   * partitions that wait for records which the broker has, each with the awaited offset.
   */
  check(unfed: readonly string[]): string | undefined;
};

export const checkEveryMs = secondMs;
const bounds = {
  /**
   * The library fetches and sends heartbeats, every few seconds at least. The longest allowed silence is a request that
   * times out.
   */
  silentMs: 15_000,
  /** A rebalance waits 10 s at most for slow members to join, and as long again for their leader. */
  joiningMs: 25_000,
  /** Fetches under way when an assignment ends may still come. */
  refusingMs: 1_000,
  refusalsApartMs: 2_000,
  /** The broker has records, no batch is in progress, and none is delivered. */
  unfedMs: 10_000,
};
/** After replacements that delivered nothing, the bounds grow to at most this multiple. */
const patienceMax = 4;

/** `replacements`: how many members in a row were replaced before they delivered any record. */
export const createMembershipWatch = (
  replacements = 0,
  nowMs: () => number = () => performance.now(),
): MembershipWatch => {
  const patience = Math.min(2 ** replacements, patienceMax);
  let lastCheckMs = nowMs();
  /** Counts while this process runs. */
  let awakeMs = 0;
  let heardAt = 0;
  let joiningSince: number | undefined = 0;
  let unfedSince = new Map<string, number>();
  let refused: { first: number; last: number } | undefined;

  const wake = (): number => {
    const now = nowMs();
    const passedMs = Math.min(now - lastCheckMs, 2 * checkEveryMs);
    return awakeMs + passedMs;
  };

  return {
    answer: () => {
      heardAt = wake();
    },
    leave: () => {
      heardAt = wake();
      joiningSince ??= heardAt;
    },
    join: () => {
      heardAt = wake();
      joiningSince = undefined;
      refused = undefined;
    },
    assign: () => {
      refused = undefined;
    },
    refuse: () => {
      const at = wake();
      if (refused === undefined || at - refused.last > bounds.refusalsApartMs)
        refused = { first: at, last: at };
      else refused.last = at;
    },
    check: (unfed) => {
      awakeMs = wake();
      lastCheckMs = nowMs();
      unfedSince = new Map(unfed.map((name) => [name, unfedSince.get(name) ?? awakeMs]));
      if (refused !== undefined && refused.last - refused.first >= bounds.refusingMs)
        return 'it fetches for an assignment that has ended';
      if (joiningSince !== undefined && awakeMs - joiningSince > bounds.joiningMs * patience)
        return `no assignment in ${bounds.joiningMs * patience} ms`;
      if (joiningSince === undefined && awakeMs - heardAt > bounds.silentMs * patience)
        return `no word from the broker in ${bounds.silentMs * patience} ms`;
      for (const [name, since] of unfedSince)
        if (awakeMs - since > bounds.unfedMs * patience)
          return `${name} is there and was not fetched in ${bounds.unfedMs * patience} ms`;
      return undefined;
    },
  };
};
