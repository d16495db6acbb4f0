export type Timed = { atMs: number };

/**
 * Adds `one` to a list in the order of event time, of which at most the first `max` stay. Equal times are ordered by
 * content, so the list does not depend on the order of arrival.
 */
export const keepEarliest = <T extends Timed>(list: T[], one: T, max: number): void => {
  let place = list.length;
  while (place > 0 && isBefore(one, list[place - 1] as T)) place -= 1;
  if (place >= max) return;
  list.splice(place, 0, one);
  if (list.length > max) list.length = max;
};

const isBefore = (a: Timed, b: Timed): boolean =>
  a.atMs !== b.atMs ? a.atMs < b.atMs : JSON.stringify(a) < JSON.stringify(b);
