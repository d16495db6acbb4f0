import { describe, expect, it } from 'vitest';
import { createMetrics } from '#platform/telemetry/metrics';
import { testHost } from '#platform/testing/test-host';
import { createLoopWatch, loopHeldMaxMs } from './loop-watch.js';

const watched = async (heldMs: number) => {
  const warnings: unknown[] = [];
  const metrics = createMetrics('things');
  const logger = { ...testHost().logger, warn: (line: unknown) => void warnings.push(line) } as never;
  let nowMs = 0;
  const watch = createLoopWatch({ metrics, logger }, () => nowMs);
  const outcome = watch.timed('validate', 'POST /api/things', () => {
    nowMs += heldMs;
    return 'done';
  });
  return { outcome, warnings, text: await metrics.render() };
};

describe('what holds the event loop', () => {
  it('is counted by part', async () => {
    const { outcome, warnings, text } = await watched(loopHeldMaxMs);
    expect(outcome).toBe('done');
    expect(warnings).toEqual([]);
    expect(text).toContain('http_event_loop_held_seconds_bucket{le="0.1",part="validate"} 1');
    expect(text).not.toContain('http_event_loop_overruns_total{');
  });

  it('is reported with its route once it is too long', async () => {
    const { warnings, text } = await watched(loopHeldMaxMs + 1);
    expect(warnings).toEqual([{ route: 'POST /api/things', part: 'validate', ms: loopHeldMaxMs + 1 }]);
    expect(text).toContain('http_event_loop_overruns_total{route="POST /api/things",part="validate"} 1');
  });

  it('is counted also when it fails', async () => {
    const metrics = createMetrics('things');
    const watch = createLoopWatch({ metrics, logger: testHost().logger });
    expect(() =>
      watch.timed('parse', 'GET /', () => {
        throw new Error('no');
      }),
    ).toThrow('no');
    expect(await metrics.render()).toContain('http_event_loop_held_seconds_count{part="parse"} 1');
  });
});
