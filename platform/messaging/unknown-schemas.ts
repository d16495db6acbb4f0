/** Between two requests for one id that is held. */
const askAgainMs = 500;
/** Between two requests for an id that was given up. */
const askGivenUpMs = 10_000;
/** An id that was given up and not looked up for this long is forgotten, and held again when it appears again. */
const forgottenAfterMs = 10 * 60_000;
/** More than one batch has records. When this many ids are missing, further ones are given up at once. */
const idsMax = 100_000;
const pruneEveryMs = 10_000;

/**
 * The ids that the registry does not have, and since when. Each is held for `heldMs` from the first answer, then given
 * up: one node of the registry may lag behind another, but a partition must not wait for ever for an id that does not
 * exist.
 */
export type UnknownSchemas = {
  /** `ask` when a request to the registry is due; else what to do with the record meanwhile. */
  verdict(id: number): 'ask' | 'held' | 'given-up';
  /** The registry does not have this id. */
  note(id: number): 'held' | 'given-up';
  /** The registry has this id, or cannot answer. */
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
      // The last request was before the end of the hold, so one more request decides.
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
