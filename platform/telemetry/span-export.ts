import type { SpanExporter } from '@opentelemetry/sdk-trace-base';

/** A batch that has not been taken for so long is given up. */
export const exportTimeoutMs = 10_000;
/** Zipkin is the last engine to come up: the spans of a start wait for it, for as long as an export may take. */
const exportRetryMs = 1_000;
/** A Zipkin that accepts connections and never answers holds at most this many batches. */
const exportsInFlightMax = 2;
const failed = 1;

/** The same exporter, which tries again what was refused and refuses at once what would make a third batch under way. */
export const boundExporter = (exporter: SpanExporter): SpanExporter & { stopRetrying(): void } => {
  let inFlight = 0;
  let isStopping = false;
  return {
    export: (spans, done) => {
      if (inFlight >= exportsInFlightMax) {
        done({ code: failed, error: new Error('zipkin does not answer') });
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
