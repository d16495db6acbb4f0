import type { components } from '../../api/schema.d.ts';
import { plural } from '../../words/words.ts';

type Bounds = Pick<
  components['schemas']['RecommendationRules'],
  'neverWith' | 'maxPerCategory' | 'maxPerBrand' | 'priceBand'
>;

/** What holds beside the rules that the page can write; two of them hold until somebody turns them off. */
export const bounds = ({ neverWith, maxPerCategory, maxPerBrand, priceBand }: Bounds): string[] => [
  ...(neverWith.ageRestricted
    ? ['age-restricted products only beside another one in view or in the cart']
    : []),
  ...(neverWith.sameGroup ? ['one variant of a product at most, except to reorder'] : []),
  ...(neverWith.pairs.length > 0
    ? [
        plural(neverWith.pairs.length, {
          one: '{count} pair never together',
          other: '{count} pairs never together',
        }),
      ]
    : []),
  ...(maxPerCategory === null ? [] : [`at most ${maxPerCategory} of a category`]),
  ...(maxPerBrand === null ? [] : [`at most ${maxPerBrand} of a brand`]),
  ...(priceBand.length > 0
    ? [plural(priceBand.length, { one: '{count} price band', other: '{count} price bands' })]
    : []),
];
