import { expect, test } from 'vitest';
import { createSendBound } from './send-bound.js';

test('so many may wait for Kafka, and fewer once the first has waited for long', () => {
  let nowMs = 0;
  const bound = createSendBound(250, () => nowMs);
  const leaving = Array.from({ length: 250 }, () => bound.enter());
  expect(leaving.every((leave) => leave !== undefined)).toBe(true);
  expect(bound.enter()).toBeUndefined();
  for (const leave of leaving.splice(0, 200)) leave?.();
  nowMs = 2_001;
  for (let nth = 0; nth < 50; nth += 1) expect(bound.enter()).toBeDefined();
  expect(bound.enter()).toBeUndefined();
  for (const leave of leaving) leave?.();
  expect(bound.enter()).toBeDefined();
});
