import { beforeEach, describe, expect, test } from 'vitest';
import { type Circuit, createCircuit } from '#platform/waiting/circuit';

let nowMs = 0;
let circuit: Circuit;
beforeEach(() => {
  nowMs = 1000;
  circuit = createCircuit({ failuresMax: 5, openMs: 60_000, monotonicMs: () => nowMs });
});
const failures = (count: number) => {
  for (let n = 0; n < count; n += 1) circuit.fail();
};

describe('a circuit', () => {
  test('opens after five failures in a row, not before, and not where an answer came between', () => {
    failures(4);
    expect([circuit.restMs(), circuit.state()]).toEqual([0, 'closed']);
    circuit.succeed();
    failures(4);
    expect(circuit.state()).toBe('closed');
    failures(1);
    expect([circuit.restMs(), circuit.state()]).toEqual([60_000, 'open']);
  });

  test('lets one call try after a minute, and closes when it succeeds', () => {
    failures(5);
    nowMs += 59_999;
    expect(circuit.restMs()).toBe(1);
    nowMs += 1;
    expect(circuit.state()).toBe('half_open');
    expect(circuit.restMs()).toBe(0);
    expect(circuit.restMs()).toBeGreaterThan(0);
    circuit.succeed();
    expect([circuit.restMs(), circuit.restMs(), circuit.state()]).toEqual([0, 0, 'closed']);
  });

  test('opens again for a whole minute when that call fails', () => {
    failures(5);
    nowMs += 60_000;
    circuit.restMs();
    circuit.fail();
    expect([circuit.restMs(), circuit.state()]).toEqual([60_000, 'open']);
  });

  test('is not held open by failures of calls that began before it opened', () => {
    failures(5);
    nowMs += 30_000;
    failures(3);
    expect(circuit.restMs()).toBe(30_000);
  });

  test('tries again where the trial never ended', () => {
    failures(5);
    nowMs += 60_000;
    circuit.restMs();
    nowMs += 60_000;
    expect(circuit.restMs()).toBe(0);
  });
});
