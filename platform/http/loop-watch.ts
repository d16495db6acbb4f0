import type { Host } from '#platform/service-host';

/** The parts of answering a request that run without a break, so that nothing else runs meanwhile. */
export type LoopPart = 'parse' | 'validate' | 'serialize';

export type LoopWatch = {
  /** The outcome of `work`; how long it held the event loop is counted under `part`. */
  timed<T>(part: LoopPart, route: string, work: () => T): T;
};

/** What one part of one request may take. The largest body that is allowed stays far below it. */
export const loopHeldMaxMs = 100;

/**
 * Watches what requests do to the event loop that they share: `http_event_loop_held_seconds` by part, and beyond
 * `loopHeldMaxMs` a warning with the route, counted as `http_event_loop_overruns_total`. The delay of the whole process,
 * whoever causes it, is `nodejs_eventloop_lag_*` beside them.
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
