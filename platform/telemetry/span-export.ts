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

/** The receiver says that the batch itself is wrong (4xx, but for 408 and 429): nothing becomes right by waiting. */
const isRefusal = (error: Error | undefined): boolean => {
  const { code } = (error ?? {}) as { code?: unknown };
  const status =
    typeof code === 'number' ? code : Number(/status code.*?(\d{3})/.exec(error?.message ?? '')?.[1]);
  return status >= 400 && status < 500 && status !== 408 && status !== 429;
};
