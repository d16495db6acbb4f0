import type { components } from '../../api/schema.d.ts';

export type Order = components['schemas']['Order'];
export type Payment = components['schemas']['Payment'];
export type PaymentHistory = components['schemas']['PaymentHistory'];
export type TimelineEvent = components['schemas']['OrderTimeline']['items'][number];

/** What another service has of an order: undefined while it is asked, null where it has nothing. */
export type Answered<T> = T | 'unanswered' | null | undefined;

export const isKnown = <T extends object>(answered: Answered<T>): answered is T =>
  typeof answered === 'object' && answered !== null;

/**
 * What `found` takes from an answer. Something that was known stays where a later question has failed; that there was
 * nothing does not.
 */
export const answeredOf = <A, T>(
  { data, isError }: { data: A | undefined; isError: boolean },
  found: (answer: A) => T | null | undefined,
): Answered<T> => {
  const known = data === undefined ? undefined : (found(data) ?? null);
  return isError && known == null ? 'unanswered' : known;
};
