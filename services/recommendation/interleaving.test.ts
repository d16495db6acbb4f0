import { describe, expect, it } from 'vitest';
import { newId } from '#platform/ids';
import { teamAt } from '#schemas/interleaving';
import { createRoom } from './arrangement.js';
import type { Candidate } from './candidates.js';
import { interleaved } from './interleaving.js';
import { noRules, rulesSchema } from './rules.js';
import { shelfOf } from './testing/shelf.js';

const listOf = (...ids: string[]): Candidate[] =>
  ids.map((productId, nth) => ({ productId, score: 9 - nth, reason: { kind: 'popular', because: [] } }));
const numbered = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, nth) => `${prefix}${nth}`);

const mix = (first: Candidate[], second: Candidate[], { id = newId(), limit = 10, rules = noRules } = {}) => {
  const shelves = new Map(
    [...first, ...second].map(({ productId }) => [productId, shelfOf(productId, 'home')]),
  );
  const room = createRoom(rules, { scenario: 'home' });
  return interleaved([first, second], id, { room, shelves, limit });
};
const idsOf = (items: readonly Candidate[]) => items.map(({ productId }) => productId);

describe('a list that mixes those of two arms', () => {
  it('has of each two places one of each arm, in an order that is different from list to list', () => {
    const drafts = Array.from({ length: 400 }, () => {
      const id = newId();
      return Array.from({ length: 60 }, (_, place) => teamAt(id, place));
    });
    const pairs = drafts.flatMap((teams) =>
      teams.filter((_, at) => at % 2 === 0).map((team, at) => team + teams[2 * at + 1]!),
    );
    expect(new Set(pairs)).toEqual(new Set([1]));
    expect(new Set(drafts.map(String)).size).toBeGreaterThan(390);
    const firsts = drafts.filter(([team]) => team === 0).length;
    expect(Math.abs(firsts - 200)).toBeLessThan(60);
  });

  it('takes at each place the best that its arm has left', () => {
    const [a, b] = [listOf('x', 'y', ...numbered('a', 10)), listOf('y', ...numbered('b', 10), 'x')];
    for (let n = 0; n < 50; n += 1) {
      const id = newId();
      const taken = new Set<string>();
      const expected = Array.from({ length: 10 }, (_, place) => {
        const own = teamAt(id, place) === 0 ? a : b;
        const { productId } = own.find((one) => !taken.has(one.productId))!;
        taken.add(productId);
        return productId;
      });
      const items = mix(a, b, { id });
      expect(idsOf(items)).toEqual(expected);
      const scores = items.map(({ score }) => score);
      expect(scores).toEqual(scores.toSorted((x, y) => y - x));
    }
  });

  it('has all of two equal lists, in their order, and no more than the rules allow together', () => {
    const same = numbered('p', 7);
    expect(idsOf(mix(listOf(...same), listOf(...same)))).toEqual(same);
    const rules = rulesSchema.parse({ maxPerCategory: 3 });
    expect(mix(listOf(...same), listOf(...numbered('q', 7)), { rules })).toHaveLength(3);
  });
});
