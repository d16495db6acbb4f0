import type { components } from '../../api/schema.d.ts';

export type Recommended = components['schemas']['Recommendations']['items'][number];

export type Reason =
  /** Ends with the name of the product because of which it is shown. */
  { text: string; because: string } | { text: string; because?: undefined };

/**
 * Why a product is shown; undefined for kinds of reasons that this page does not know. On the page of the product `inView`
 * nobody has to read its name again.
 */
export const reasonOf = ({ reason }: Pick<Recommended, 'reason'>, inView?: string): Reason | undefined => {
  const [first] = reason.because;
  const because = first === inView ? undefined : first;
  switch (reason.kind) {
    case 'seen_together':
      return because ? { text: 'Often viewed with', because } : { text: 'Often viewed together' };
    case 'seen_earlier':
      return { text: 'You looked at this earlier' };
    case 'bought_together':
      return because ? { text: 'Often bought with', because } : { text: 'Often bought together' };
    case 'bought_before':
      return { text: 'You have bought this before' };
    case 'similar':
      return because ? { text: 'Like', because } : undefined;
    case 'popular_in_category':
      return { text: 'Popular in its kind' };
    case 'popular':
      return { text: 'Popular' };
    case 'explored':
      return { text: 'Seldom shown so far' };
    default:
      return undefined;
  }
};

/** One reason for the whole shelf where most of its products share it, so that it is said once. */
export const sharedReason = (items: readonly Recommended[], inView?: string): Reason | undefined => {
  const counts = new Map<string, { reason: Reason; count: number }>();
  for (const item of items) {
    const reason = reasonOf(item, inView);
    if (reason === undefined) continue;
    const key = `${reason.text} ${reason.because ?? ''}`;
    counts.set(key, { reason, count: (counts.get(key)?.count ?? 0) + 1 });
  }
  const best = [...counts.values()].sort((a, b) => b.count - a.count)[0];
  return best && best.count * 2 >= items.length ? best.reason : undefined;
};
