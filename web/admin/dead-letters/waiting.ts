import type { components } from '../../api/schema.d.ts';

type Letter = components['schemas']['DeadLetter'];

export type Filter = { topic?: string; group?: string; reason?: string };

export type Group = Required<Filter> & { waiting: number };

/** How many letters wait in all groups that a filter names. */
export const waitingIn = (groups: readonly Group[], filter: Filter): number =>
  groups
    .filter((group) =>
      (['topic', 'group', 'reason'] as const).every((name) => (filter[name] ?? group[name]) === group[name]),
    )
    .reduce((sum, { waiting }) => sum + waiting, 0);

/** Whether a replay of all may help: one of the rows can be replayed, or more wait than are among them. */
export const canReplay = (
  waiting: number,
  rows: readonly Pick<Letter, 'status' | 'isReplayable'>[],
): boolean => {
  const known = rows.filter(({ status }) => status === 'waiting');
  return waiting > known.length || known.some(({ isReplayable }) => isReplayable);
};
