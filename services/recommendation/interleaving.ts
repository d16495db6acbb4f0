import { teamAt } from '#schemas/interleaving';
import type { Room } from './arrangement.js';
import type { Candidate } from './candidates.js';
import type { Shelf } from './catalogue-store.js';

/**
 * One list of two: each place takes the best product that its arm has left and that the rules allow beside those before it.
 * It ends where an arm has none left. Scores are by place, since those of different models cannot be compared.
 */
export const interleaved = (
  lists: readonly [readonly Candidate[], readonly Candidate[]],
  recommendationId: string,
  { room, shelves, limit }: { room: Room; shelves: ReadonlyMap<string, Shelf>; limit: number },
): Candidate[] => {
  const left = lists.map((list) => list.values()) as [ArrayIterator<Candidate>, ArrayIterator<Candidate>];
  const taken = new Set<string>();
  const nextOf = (team: 0 | 1): Candidate | undefined => {
    for (;;) {
      const { done, value: candidate } = left[team].next();
      if (done) return undefined;
      const shelf = shelves.get(candidate.productId);
      if (taken.has(candidate.productId) || shelf === undefined || room.refusalOf(shelf) !== null) continue;
      room.take(shelf);
      taken.add(candidate.productId);
      return candidate;
    }
  };
  const items: Candidate[] = [];
  while (items.length < limit) {
    const candidate = nextOf(teamAt(recommendationId, items.length));
    if (candidate === undefined) break;
    items.push({ ...candidate, score: 1 / (1 + items.length) });
  }
  return items;
};
