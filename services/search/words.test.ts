import { describe, expect, it } from 'vitest';
import { distanceOf, singular, wordsOf } from './words.js';

describe('words', () => {
  it('are without case, accents and punctuation, and in the singular', () => {
    expect(wordsOf('Crème-brûlée DISHES, set of 6 T-Lights!')).toEqual([
      ...['creme', 'brulee', 'dish', 'set', 'of', '6', 't', 'light'],
    ]);
    expect(wordsOf('  !? ')).toEqual([]);
  });

  it.each([
    ['lights', 'light'],
    ['glass', 'glass'],
    ['boxes', 'box'],
    ['berries', 'berry'],
    ['bus', 'bus'],
    ['1950s', '1950s'],
    ['gas', 'gas'],
  ])('%s is the singular %s', (word, one) => expect(singular(word)).toBe(one));

  it.each([
    ['lamp', 'lamp', 0],
    ['lamp', 'lmap', 1],
    ['lamp', 'amp', 1],
    ['lamp', 'clamp', 1],
    ['lamp', 'limp', 1],
    ['lantern', 'lantrens', 2],
    ['lamp', 'mug', 2],
    ['lamp', 'lanterns', 2],
  ])('from %s to %s are %i edits, or too many', (one, other, edits) =>
    expect(distanceOf(one, other, 1)).toBe(Math.min(edits, 2)),
  );
});
