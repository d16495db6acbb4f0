import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { eachSecond } from './each-second.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('runs every action once a second with one timer, and has none when all have stopped', () => {
  const ran: string[] = [];
  const look = () => ran.push('twice');
  const stops = [eachSecond(look), eachSecond(() => ran.push('once')), eachSecond(look)];
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(1_000);
  expect(ran).toEqual(['twice', 'once', 'twice']);
  stops[0]?.();
  stops[0]?.();
  vi.advanceTimersByTime(1_000);
  expect(ran.slice(3)).toEqual(['once', 'twice']);
  for (const stop of stops) stop();
  expect(vi.getTimerCount()).toBe(0);
});

it('an action may stop itself and others, and begin others, which run from the next second on', () => {
  const ran: string[] = [];
  const stops: (() => void)[] = [];
  stops.push(
    eachSecond(() => {
      ran.push('first');
      stops[0]?.();
      stops.push(eachSecond(() => ran.push('later')));
    }),
  );
  vi.advanceTimersByTime(1_000);
  expect(ran).toEqual(['first']);
  vi.advanceTimersByTime(1_000);
  expect(ran).toEqual(['first', 'later']);
  for (const stop of stops) stop();
});
