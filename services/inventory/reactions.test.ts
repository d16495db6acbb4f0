import { describe, expect, test } from 'vitest';
import { handClock } from '#platform/testing/hand-clock';
import { createPatience } from './reactions.js';

describe('patience with a product not known yet', () => {
  test('lasts from when it was first asked for, however old the event is', () => {
    const clock = handClock();
    const patience = createPatience(clock, 10_000);
    expect(patience.isOver('order-1')).toBe(false);
    clock.advanceMs(9_999);
    expect(patience.isOver('order-1')).toBe(false);
    clock.advanceMs(1);
    expect(patience.isOver('order-1')).toBe(true);
  });

  test('begins anew for what was answered in between', () => {
    const clock = handClock();
    const patience = createPatience(clock, 10_000);
    patience.isOver('order-1');
    patience.forget('order-1');
    clock.advanceMs(10_000);
    expect(patience.isOver('order-1')).toBe(false);
  });

  test('forgets the oldest rather than remember without bound', () => {
    const clock = handClock();
    const patience = createPatience(clock, 10_000);
    patience.isOver('first');
    for (let index = 0; index < 1000; index += 1) patience.isOver(`order-${index}`);
    clock.advanceMs(10_000);
    expect(patience.isOver('first')).toBe(false);
    expect(patience.isOver('order-999')).toBe(true);
  });
});
