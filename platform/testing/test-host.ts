import { trace } from '@opentelemetry/api';
import type { Clock } from '#platform/clock';
import { createHost, type RunnableHost } from '#platform/service-host';
import { createLogger } from '#platform/telemetry/logger';
import { createMetrics } from '#platform/telemetry/metrics';

/**
 * A host for tests: real metrics, no tracing, errors and worse on stdout. A fatal error fails the test run
 * unless the test says what to do with it.
 */
export const testHost = (
  service = 'test',
  options: { clock?: Clock; logLevel?: 'error' | 'fatal'; onFatal?: (error: unknown) => void } = {},
): RunnableHost =>
  createHost({
    service,
    logger: createLogger(service, { level: options.logLevel ?? 'error' }),
    metrics: createMetrics(service),
    tracer: trace.getTracer(service),
    ...(options.clock === undefined ? {} : { clock: options.clock }),
    onFatal:
      options.onFatal ??
      ((error) => {
        throw error;
      }),
  });
