/**
 * Decides when a member of a group is of no more use and has to be replaced. A client library may stand still in more
 * ways than it reports: it may go on with an assignment that has ended, never ask for a partition again, or wait for an
 * answer that does not come. Each of these lasts for a bounded time here.
 *
 * Time is counted while this process runs. After a stop of the process, or on a machine that crawls, the library gets
 * the same chance to answer as ever.
 */
export type MembershipWatch = {
  /** The broker has answered. */
  hear(): void;
  /** The assignment has ended; the member joins again. */
  leave(): void;
  /** The group has taken the member in; its assignment is being begun. */
  join(): void;
  /** The assignment has begun. */
  assign(): void;
  /** A fetch brought records although there is no assignment. */
  refuse(): void;
  /**
   * Looks at all of it, every `checkEveryMs`. Returns why the member has to be replaced, or undefined. `unfed` names
   * the partitions that wait for records which the broker has, each with the offset waited for.
   */
  check(unfed: readonly string[]): string | undefined;
};

export const checkEveryMs = 250;
const bounds = {
  /** The library fetches and beats several times a second. Longest legal silence: a request that times out. */
  silentMs: 15_000,
  /** A rebalance waits 10 s at most for slow members to join, and as long again for their leader. */
  joiningMs: 25_000,
  /** Fetches under way when an assignment ends may still come. */
  refusingMs: 1_000,
  refusalsApartMs: 2_000,
  /** Records are there, nothing is in hand, and none is delivered. */
  unfedMs: 10_000,
};
/** Bounds are this much longer at most after replacements that brought nothing. */
const patienceMax = 4;

/** `replacements`: how many members in a row were replaced before they had an assignment that brought records. */
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
    hear: () => {
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
