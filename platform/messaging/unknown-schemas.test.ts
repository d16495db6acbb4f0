import { expect, test } from 'vitest';
import { createUnknownSchemas } from '#platform/messaging/unknown-schemas';
import { handClock } from '#platform/testing/hand-clock';

const setUp = () => {
  const clock = handClock(0);
  return { clock, unknown: createUnknownSchemas({ heldMs: 10_000, nowMs: clock.nowMs }) };
};

test('an id is held for its time from the first answer, then given up, after a last question', () => {
  const { clock, unknown } = setUp();
  expect(unknown.verdict(7)).toBe('ask');
  expect(unknown.note(7)).toBe('held');
  expect(unknown.verdict(7)).toBe('held');
  clock.advanceMs(9_999);
  expect(unknown.verdict(7)).toBe('ask');
  expect(unknown.note(7)).toBe('held');
  clock.advanceMs(1);
  expect(unknown.verdict(7)).toBe('ask');
  expect(unknown.note(7)).toBe('given-up');
  expect(unknown.verdict(7)).toBe('given-up');
});

test('a flood of one id costs two questions a second while it is held, and one in ten seconds afterwards', () => {
  const { clock, unknown } = setUp();
  const questionsIn = (durationMs: number) => {
    let questions = 0;
    for (let elapsedMs = 0; elapsedMs < durationMs; elapsedMs += 1) {
      if (unknown.verdict(7) === 'ask') {
        questions += 1;
        unknown.note(7);
      }
      clock.advanceMs(1);
    }
    return questions;
  };
  expect(questionsIn(10_000)).toBe(20);
  expect(questionsIn(60_000)).toBeLessThanOrEqual(7);
});

test('an id that the registry came to know, or could not answer for, is held anew', () => {
  const { clock, unknown } = setUp();
  unknown.note(7);
  clock.advanceMs(20_000);
  unknown.forget(7);
  expect(unknown.note(7)).toBe('held');
});

test('a flood of different ids is bounded: those beyond the bound are given up, and none is held for ever', () => {
  const { clock, unknown } = setUp();
  for (let id = 0; id < 100_000; id += 1) unknown.note(id);
  expect(unknown.note(100_000)).toBe('given-up');
  clock.advanceMs(10_000);
  expect(unknown.note(0)).toBe('given-up');
  clock.advanceMs(10 * 60_000 + 1);
  expect(unknown.note(100_001)).toBe('held');
});
