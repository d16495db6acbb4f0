import type { components } from '../../api/schema.d.ts';

export type Status = components['schemas']['Review']['status'];

/**
 * What a key asks for. One that is held down moves on, but judges only the review that it was pressed for: the next one
 * comes up under it unread.
 */
export const wishOf = ({
  key,
  repeat,
}: Pick<KeyboardEvent, 'key' | 'repeat'>): 'next' | 'previous' | Status | undefined => {
  if (key === 'j') return 'next';
  if (key === 'k') return 'previous';
  if (repeat) return undefined;
  return key === 'a' ? 'approved' : key === 'r' ? 'rejected' : undefined;
};
