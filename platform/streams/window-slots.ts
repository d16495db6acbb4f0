import type { Span } from '#platform/streams/window';

/** Windows are kept in slots by their end, so that closing looks only at those that are due. */
const slotMs = 1_000;

export type Placed = Span & { isGone: boolean };

/** Windows by the slot of their end. A window that has grown is moved when its old slot comes up. */
export const createSlots = <W extends Placed>() => {
  const slots = new Map<number, W[]>();
  let earliest = Number.POSITIVE_INFINITY;
  let held = 0;
  const slotOf = ({ toMs }: W): number => Math.floor(toMs / slotMs);
  const add = (open: W): void => {
    const slot = slotOf(open);
    const others = slots.get(slot);
    if (others === undefined) slots.set(slot, [open]);
    else others.push(open);
    earliest = Math.min(earliest, slot);
    held += 1;
  };
  const takeSlot = (slot: number): W[] => {
    const opens = slots.get(slot) ?? [];
    slots.delete(slot);
    held -= opens.length;
    return opens.filter((open) => !open.isGone);
  };
  const findEarliest = (): void => {
    earliest = Number.POSITIVE_INFINITY;
    for (const slot of slots.keys()) earliest = Math.min(earliest, slot);
  };
  return {
    add,
    /** How many windows are in slots, with those that are gone. */
    get held() {
      return held;
    },
    keepOnly: (opens: readonly W[]): void => {
      slots.clear();
      held = 0;
      earliest = Number.POSITIVE_INFINITY;
      for (const open of opens) add(open);
    },
    /** Takes out those that end at or before `untilMs`. */
    due: (untilMs: number): W[] => {
      const due: W[] = [];
      if (earliest * slotMs > untilMs) return due;
      const until = Math.floor(untilMs / slotMs);
      for (const slot of [...slots.keys()].filter((each) => each <= until))
        for (const open of takeSlot(slot))
          if (open.toMs <= untilMs) due.push(open);
          else add(open);
      findEarliest();
      return due;
    },
    /** Takes out those that end first, one by one, while they are wanted. */
    takeFirst: (isWanted: () => boolean, take: (open: W) => void): void => {
      while (slots.size > 0 && isWanted()) {
        const slot = earliest;
        const opens = takeSlot(slot).sort((a, b) => a.toMs - b.toMs);
        for (const open of opens)
          if (slotOf(open) === slot && isWanted()) take(open);
          else add(open);
        if (!slots.has(slot)) findEarliest();
      }
    },
    earliestEndMs: (): number | undefined => {
      let endMs = Number.POSITIVE_INFINITY;
      while (slots.size > 0) {
        for (const open of takeSlot(earliest)) add(open);
        for (const open of slots.get(earliest) ?? []) endMs = Math.min(endMs, open.toMs);
        if (endMs !== Number.POSITIVE_INFINITY) return endMs;
        findEarliest();
      }
      return undefined;
    },
  };
};
