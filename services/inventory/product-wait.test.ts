import { describe, expect, test } from 'vitest';
import { handClock } from '#platform/testing/hand-clock';
import { createPatience } from './product-wait.js';

describe('patience with a product not known yet', () => {
  test('lasts from when it was first asked for, however old the event is', () => {
    const clock = handClock();
    const patience = createPatience(clock, 10_000);
    const longAgoMs = clock.nowMs() - 3_600_000;
    expect(patience.isOver(['product'], longAgoMs)).toBe(false);
    clock.advanceMs(9_999);
    expect(patience.isOver(['product'], longAgoMs)).toBe(false);
    clock.advanceMs(1);
    expect(patience.isOver(['product'], longAgoMs)).toBe(true);
  });

  test('lasts as long when the wall clock is set back by an hour meanwhile', () => {
    const clock = handClock();
    const patience = createPatience(clock, 10_000);
    expect(patience.isOver(['product'], clock.nowMs())).toBe(false);
    clock.setMs(clock.nowMs() - 3_600_000);
    clock.advanceMs(10_000);
    expect(patience.isOver(['product'], clock.nowMs())).toBe(true);
  });

  test('that ran out holds for everything that had happened when it began, and for nothing younger', () => {
    const clock = handClock();
    const patience = createPatience(clock, 10_000);
    const placedAtMs = clock.nowMs();
    patience.isOver(['first'], placedAtMs);
    clock.advanceMs(10_000);
    expect(patience.isOver(['first'], placedAtMs)).toBe(true);
    expect(patience.isOver(['second'], placedAtMs)).toBe(true);
    expect(patience.isOver(['third'], placedAtMs + 1)).toBe(false);
  });

  test('that ran out long ago says nothing about another product', () => {
    const clock = handClock();
    const patience = createPatience(clock, 10_000);
    const placedAtMs = clock.nowMs();
    patience.isOver(['first'], placedAtMs);
    clock.advanceMs(10_000);
    expect(patience.isOver(['first'], placedAtMs)).toBe(true);
    clock.advanceMs(10_001);
    expect(patience.isOver(['second'], placedAtMs)).toBe(false);
  });

  test('begins anew for a product that was not heard of for minutes', () => {
    const clock = handClock();
    const patience = createPatience(clock, 10_000);
    patience.isOver(['product'], clock.nowMs());
    clock.advanceMs(310_000);
    expect(patience.isOver(['product'], clock.nowMs())).toBe(false);
  });

  test('forgets the oldest rather than remember without bound', () => {
    const clock = handClock();
    const patience = createPatience(clock, 10_000);
    const placedAtMs = clock.nowMs() + 1;
    patience.isOver(['first'], placedAtMs);
    for (let index = 0; index < 10_000; index += 1) patience.isOver([`product-${index}`], placedAtMs);
    clock.advanceMs(10_000);
    expect(patience.isOver(['first'], placedAtMs)).toBe(false);
    expect(patience.isOver(['product-9999'], placedAtMs)).toBe(true);
  });
});
