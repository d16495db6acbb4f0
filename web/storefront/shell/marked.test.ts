import { expect, it } from 'vitest';
import { nextMarked } from './marked.ts';

const walk = (step: number, presses: number): number[] => {
  const places = [-1];
  for (let press = 0; press < presses; press += 1) places.push(nextMarked(places.at(-1) as number, step, 3));
  return places;
};

it('arrows go through every suggestion and the field, and through nothing else', () => {
  expect(walk(1, 5)).toEqual([-1, 0, 1, 2, -1, 0]);
  expect(walk(-1, 5)).toEqual([-1, 2, 1, 0, -1, 2]);
});
