import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { startPatientClock } from './core-wait.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('time counts an eighth only where the process waited for a core for more than half of it', () => {
  let waitMs = 700;
  const elapsedMs = startPatientClock(1, 100, () => waitMs);
  const after = (sinceMs: number, waitedMs: number): number => {
    vi.advanceTimersByTime(sinceMs);
    waitMs += waitedMs;
    return elapsedMs();
  };
  expect(after(800, 0)).toBe(800);
  expect(after(800, 400)).toBe(1_600);
  expect(after(800, 401)).toBe(1_700);
  // Too short a stretch to judge: it counts until it is longer.
  expect(after(80, 80)).toBe(1_780);
  expect(after(80, 80)).toBe(1_720);
});
