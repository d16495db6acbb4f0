import { expect, it } from 'vitest';
import { type Recommended, reasonOf, sharedReason } from './reason.ts';

const item = (kind: Recommended['reason']['kind'], ...because: string[]): Recommended => ({
  productId: crypto.randomUUID(),
  score: 1,
  reason: { kind, because },
});

it('every kind of reason is a sentence, and one that this page does not know is none', () => {
  expect(reasonOf(item('seen_together', 'lamp'))).toEqual({ text: 'Often viewed with', because: 'lamp' });
  for (const kind of [
    'seen_earlier',
    'bought_together',
    'bought_before',
    'popular',
    'popular_in_category',
  ] as const)
    expect(reasonOf(item(kind))?.text.length, kind).toBeGreaterThan(5);
  expect(reasonOf(item('catalogue'))).toBeUndefined();
  expect(reasonOf(item('of_next_year' as never, 'lamp'))).toBeUndefined();
});

it('a reason that most of a shelf shares is said once, for the shelf', () => {
  const shelf = [item('seen_together', 'lamp'), item('seen_together', 'lamp'), item('popular')];
  expect(sharedReason(shelf)).toEqual({ text: 'Often viewed with', because: 'lamp' });
  expect(
    sharedReason([item('seen_together', 'a'), item('seen_together', 'b'), item('popular')]),
  ).toBeUndefined();
  expect(sharedReason([])).toBeUndefined();
});

it('does not repeat the name of the product in view', () => {
  const of = (kind: string) => reasonOf({ reason: { kind, because: ['seen'] } } as never, 'seen');
  expect(of('bought_together')).toEqual({ text: 'Often bought together' });
  expect(of('similar')).toBeUndefined();
});
