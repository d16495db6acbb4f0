import type { SpanExporter } from '@opentelemetry/sdk-trace-base';

/**
 * A batch that was not accepted for this long is dropped. It is longer than Zipkin, the last engine to be ready, takes
 * to start (four minutes on a machine with much other work), because the spans of a start wait for Zipkin in the bounded
 * queue of the span processor.
 */
export const exportTimeoutMs = 600_000;
const exportRetryMs = 1_000;
/** The bound of one try, for exporters that support one. */
export const attemptTimeoutMs = 10_000;
/** A receiver that accepts connections and never answers holds at most this many batches. */
const exportsInFlightMax = 2;
const failed = 1;

/**
 * Adds retries and bounds to an exporter: it retries a failed batch until `exportTimeoutMs` have passed, and fails a
 * third batch at once while two are in flight.
 */
export const boundExporter = (
  exporter: SpanExporter,
  { retryMs = exportRetryMs }: { retryMs?: number } = {},
): SpanExporter & { stopRetrying(): void } => {
  let inFlight = 0;
  let isStopping = false;
  return {
    export: (spans, done) => {
      if (inFlight >= exportsInFlightMax) {
        done({ code: failed, error: new Error('the receiver of spans does not answer') });
        return;
      }
      inFlight += 1;
      const giveUpAtMs = performance.now() + exportTimeoutMs - retryMs;
      const attempt = (): void =>
        exporter.export(spans, (result) => {
          const mayHelp = !isStopping && !isRefusal(result.error) && performance.now() < giveUpAtMs;
          if (result.code === failed && mayHelp) {
            setTimeout(attempt, retryMs).unref();
            return;
          }
          inFlight -= 1;
          done(result);
        });
      attempt();
    },
    stopRetrying: () => {
      isStopping = true;
    },
    shutdown: () => exporter.shutdown(),
  };
};

/** The receiver says that the batch itself is wrong (4xx except 408 and 429), so a retry cannot help. */
const isRefusal = (error: Error | undefined): boolean => {
  const { code } = (error ?? {}) as { code?: unknown };
  const status =
    typeof code === 'number' ? code : Number(/status code.*?(\d{3})/.exec(error?.message ?? '')?.[1]);
  return status >= 400 && status < 500 && status !== 408 && status !== 429;
};
