import { expect, it } from 'vitest';
import { standingsOf } from './standings.ts';

const oracles = ['O1', 'O2', 'O3', 'O4'].map((oracle) => ({ oracle, promise: `of ${oracle}` }));
const items = (counts: Readonly<Record<string, number>>) =>
  Object.entries(counts).flatMap(([oracle, count]) => Array.from({ length: count }, () => ({ oracle })));
const said = (counts: Readonly<Record<string, number>>, next: string | null) =>
  standingsOf({ oracles, items: items(counts), next }).map(({ look, text }) => `${look}: ${text}`);

it('a rule without a difference holds where all differences are there', () => {
  expect(said({ O2: 1, O3: 2 }, null)).toEqual([
    'good: holds',
    'bad: 1 difference',
    'bad: 2 differences',
    'good: holds',
  ]);
});

it('a rule behind the end of the page is not said to hold, and that at its end may have more', () => {
  expect(said({ O1: 1, O3: 99 }, 'cursor')).toEqual([
    'bad: 1 difference',
    'good: holds',
    'bad: 99 differences so far',
    'unknown: not compared',
  ]);
});
