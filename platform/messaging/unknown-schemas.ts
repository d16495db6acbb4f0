/** Between two questions about one id that is held. */
const askAgainMs = 500;
/** Between two questions about an id that was given up. */
const askGivenUpMs = 10_000;
/** An id given up that nobody has asked for in this time is forgotten, and held anew when it comes again. */
const forgottenAfterMs = 10 * 60_000;
/** More than the records of one batch, each with an id of its own. Of further ids none is held: they are given up. */
const idsMax = 100_000;
const pruneEveryMs = 10_000;

/**
 * The ids that the registry did not know, and since when: each is held for `heldMs` from its first answer, then given
 * up. A node of the registry may lag behind the one that gave the id, but nobody waits for an id of nobody's for ever.
 */
export type UnknownSchemas = {
  /** `ask` when it is time to ask the registry; else what to do with the record meanwhile. */
  verdict(id: number): 'ask' | 'held' | 'given-up';
  /** The registry does not know it. */
  note(id: number): 'held' | 'given-up';
  /** The registry knows it, or cannot answer. */
  forget(id: number): void;
};

type Unknown = { sinceMs: number; askedMs: number };

/** `nowMs` is a clock that never steps back; the process's own if unset. */
export const createUnknownSchemas = ({
  heldMs,
  nowMs = () => performance.now(),
}: {
  heldMs: number;
  nowMs?: () => number;
}): UnknownSchemas => {
  const unknown = new Map<number, Unknown>();
  const isHeld = ({ sinceMs }: Unknown) => nowMs() - sinceMs < heldMs;

  let prunedMs = Number.NEGATIVE_INFINITY;

  const makeRoom = (): boolean => {
    if (unknown.size < idsMax || nowMs() - prunedMs < pruneEveryMs) return unknown.size < idsMax;
    prunedMs = nowMs();
    for (const [id, { askedMs }] of unknown) if (nowMs() - askedMs > forgottenAfterMs) unknown.delete(id);
    return unknown.size < idsMax;
  };

  return {
    verdict: (id) => {
      const known = unknown.get(id);
      if (known === undefined) return 'ask';
      const restMs = nowMs() - known.askedMs;
      if (restMs > forgottenAfterMs) {
        unknown.delete(id);
        return 'ask';
      }
      if (restMs >= (isHeld(known) ? askAgainMs : askGivenUpMs)) return 'ask';
      // The last question lies before the end of the hold: one more decides.
      if (!isHeld(known) && known.askedMs - known.sinceMs < heldMs) return 'ask';
      return isHeld(known) ? 'held' : 'given-up';
    },
    note: (id) => {
      const known = unknown.get(id) ?? { sinceMs: nowMs(), askedMs: 0 };
      if (!unknown.has(id) && !makeRoom()) return 'given-up';
      known.askedMs = nowMs();
      unknown.set(id, known);
      return isHeld(known) ? 'held' : 'given-up';
    },
    forget: (id) => {
      unknown.delete(id);
    },
  };
};
