import { trace } from '@opentelemetry/api';
import type { Clock } from '#platform/clock';
import { createHost, type RunnableHost } from '#platform/service-host';
import { createMetrics } from '#platform/telemetry/metrics';
import { testLogger } from '#platform/testing/logged-errors';

/**
 * A host for tests: real metrics, no tracing. The test takes the errors that it logs by `takeLoggedErrors`. A fatal
 * error fails the test run unless the test says what to do with it.
 */
export const testHost = (
  service = 'test',
  options: { clock?: Clock; logLevel?: 'error' | 'fatal'; onFatal?: (error: unknown) => void } = {},
): RunnableHost =>
  createHost({
    service,
    logger: testLogger(service, options.logLevel),
    metrics: createMetrics(service),
    tracer: trace.getTracer(service),
    ...(options.clock === undefined ? {} : { clock: options.clock }),
    onFatal:
      options.onFatal ??
      ((error) => {
        throw error;
      }),
  });
