import type { paths } from '../../api/schema.d.ts';

type Asked = paths['/api/recommendations/explain']['get']['parameters']['query'];

export type Scenario = NonNullable<Asked['scenario']>;

/** The scenarios of recommendations, the most usual first. */
export const scenarios: readonly Scenario[] = [
  'home',
  'product',
  'similar',
  'cart',
  'reorder',
  'new-arrivals',
  'trending',
];
