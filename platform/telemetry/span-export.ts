import type { SpanExporter } from '@opentelemetry/sdk-trace-base';

/**
 * A batch that has not been taken for so long is given up. Longer than Zipkin may take to come up: it is the last
 * engine to do so, and the spans of a start wait for it, meanwhile in the bounded queue of the span processor.
 */
export const exportTimeoutMs = 120_000;
const exportRetryMs = 1_000;
/** One try, for exporters that let it be bounded. */
export const attemptTimeoutMs = 10_000;
/** A receiver that accepts connections and never answers holds at most this many batches. */
const exportsInFlightMax = 2;
const failed = 1;

/**
 * The same exporter with retries and a bound: it tries a refused batch again until `exportTimeoutMs` have passed, and
 * fails a third batch at once while two are under way.
 */
export const boundExporter = (exporter: SpanExporter): SpanExporter & { stopRetrying(): void } => {
  let inFlight = 0;
  let isStopping = false;
  return {
    export: (spans, done) => {
      if (inFlight >= exportsInFlightMax) {
        done({ code: failed, error: new Error('the receiver of spans does not answer') });
        return;
      }
      inFlight += 1;
      const giveUpAtMs = performance.now() + exportTimeoutMs - exportRetryMs;
      const attempt = (): void =>
        exporter.export(spans, (result) => {
          if (result.code === failed && !isStopping && performance.now() < giveUpAtMs) {
            setTimeout(attempt, exportRetryMs).unref();
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
