export type Timed = { atMs: number };

/**
 * Adds `one` to a list in the order of event time, of which at most the first `max` stay. Equal times are ordered by
 * content, so the list does not depend on the order of arrival. Returns the one that has no place in it, if any.
 */
export const keepEarliest = <T extends Timed>(list: T[], one: T, max: number): T | undefined => {
  let place = list.length;
  while (place > 0 && isBefore(one, list[place - 1] as T)) place -= 1;
  if (place >= max) return one;
  list.splice(place, 0, one);
  return list.length > max ? list.pop() : undefined;
};

export const isBefore = (a: Timed, b: Timed): boolean =>
  a.atMs !== b.atMs ? a.atMs < b.atMs : JSON.stringify(a) < JSON.stringify(b);
