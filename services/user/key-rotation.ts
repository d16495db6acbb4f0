/** A key that signs access tokens, without its secret. */
export type DatedKey = { kid: string; isCurrentKind: boolean; createdAtMs: number };

export type RotationTimes = {
  /** A key signs for so long. */
  rotateAfterMs: number;
  /** A key is published for so long before it signs, so that whoever verifies tokens has it by then. */
  publishAheadMs: number;
  /** A key stays published for so long after it has signed for the last time: the lifetime of a token, and some more. */
  publishAfterMs: number;
};

export type RotationPlan = {
  /** True when a new key is due. */
  isKeyDue: boolean;
  /** The key that signs; undefined while there is none. */
  signs: string | undefined;
  /** Keys whose last token has expired, and keys of a kind that is no longer used. */
  obsolete: string[];
};

/**
 * Which key signs now, and which come and go. Every instance plans alike from the same rows: nothing is agreed on. The
 * first key signs at once, since there is no other.
 */
export const planRotation = (
  stored: readonly DatedKey[],
  nowMs: number,
  { rotateAfterMs, publishAheadMs, publishAfterMs }: RotationTimes,
): RotationPlan => {
  const keys = stored
    .filter(({ isCurrentKind }) => isCurrentKind)
    .sort((a, b) => a.createdAtMs - b.createdAtMs || (a.kid < b.kid ? -1 : 1));
  const newest = keys.at(-1);
  const signsSince = (key: DatedKey): number => key.createdAtMs + (key === keys[0] ? 0 : publishAheadMs);
  const signing = keys.findLast((key) => signsSince(key) <= nowMs) ?? keys[0];
  const isLeft = (_key: DatedKey, at: number): boolean => {
    const successor = keys[at + 1];
    return successor !== undefined && signsSince(successor) + publishAfterMs <= nowMs;
  };
  return {
    isKeyDue: newest === undefined || signsSince(newest) + rotateAfterMs - publishAheadMs <= nowMs,
    signs: signing?.kid,
    obsolete: [...stored.filter(({ isCurrentKind }) => !isCurrentKind), ...keys.filter(isLeft)].map(
      ({ kid }) => kid,
    ),
  };
};
