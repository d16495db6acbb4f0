import type { Host } from '#platform/service-host';

/** The synchronous parts of answering a request, which block the event loop. */
export type LoopPart = 'parse' | 'validate' | 'serialize';

export type LoopWatch = {
  /** Runs `work`, returns its result, and counts under `part` how long it held the event loop. */
  timed<T>(part: LoopPart, route: string, work: () => T): T;
};

/** The longest time for one part of one request. The largest allowed body stays far below it. */
export const loopHeldMaxMs = 100;

/**
 * Measures how long requests block the event loop: `http_event_loop_held_seconds` by part. Beyond `loopHeldMaxMs` it
 * logs a warning with the route and counts it in `http_event_loop_overruns_total`. `nodejs_eventloop_lag_*` shows the
 * delay of the whole process, whatever causes it.
 */
export const createLoopWatch = (
  host: Pick<Host, 'metrics' | 'logger'>,
  nowMs: () => number = () => performance.now(),
): LoopWatch => {
  const held = host.metrics.histogram(
    'http_event_loop_held_seconds',
    'How long one part of one request held the event loop.',
    ['part'],
    [0.0005, 0.002, 0.01, 0.05, 0.1, 0.5, 2],
  );
  const overruns = host.metrics.counter(
    'http_event_loop_overruns_total',
    `Parts of requests that held the event loop for more than ${loopHeldMaxMs} ms.`,
    ['route', 'part'],
  );
  return {
    timed: (part, route, work) => {
      const startedAtMs = nowMs();
      try {
        return work();
      } finally {
        const heldMs = nowMs() - startedAtMs;
        held.observe({ part }, heldMs / 1000);
        if (heldMs > loopHeldMaxMs) {
          overruns.inc({ route, part });
          host.logger.warn({ route, part, ms: Math.round(heldMs) }, 'a request held the event loop');
        }
      }
    },
  };
};
