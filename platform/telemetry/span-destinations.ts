import type { SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { attemptTimeoutMs, boundExporter, exportTimeoutMs } from '#platform/telemetry/span-export';

/** The receivers of a process's spans; each one that is set receives every recorded span. */
export type SpanDestinations = {
  zipkinUrl?: string | undefined;
  /** Base URL of an OTLP receiver over HTTP, without `/v1/traces`: `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  otlpEndpoint?: string | undefined;
  /** How long a span waits for others that go with it; 2,000 if unset. */
  exportDelayMs?: number | undefined;
};

export type OpenDestination = {
  processor: SpanProcessor;
  /** Ends running attempts, so that a shutdown does not wait for a receiver that is away. */
  stopRetrying(): void;
};

/** The most spans that wait for one receiver; further spans are dropped. */
const spansQueuedMax = 4096;
const spansPerExportMax = 256;
/** Taking a batch costs a receiver as much as seventy spans, so that the spans of an order go together. */
const exportDelayMsAsDefault = 2_000;

/**
 * One bounded queue for each destination, so that a receiver that is away does not affect the other. Exporters are
 * loaded on demand, so a process without destinations does not load them.
 */
export const openDestinations = async ({
  zipkinUrl,
  otlpEndpoint,
  exportDelayMs = exportDelayMsAsDefault,
}: SpanDestinations): Promise<OpenDestination[]> => {
  const exporters: SpanExporter[] = [];
  if (zipkinUrl !== undefined) {
    const { ZipkinExporter } = await import('@opentelemetry/exporter-zipkin');
    exporters.push(new ZipkinExporter({ url: under(zipkinUrl, 'api/v2/spans') }));
  }
  if (otlpEndpoint !== undefined) {
    const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http');
    exporters.push(
      new OTLPTraceExporter({ url: under(otlpEndpoint, 'v1/traces'), timeoutMillis: attemptTimeoutMs }),
    );
  }
  if (exporters.length === 0) return [];
  const { BatchSpanProcessor } = await import('@opentelemetry/sdk-trace-base');
  return exporters.map((exporter) => {
    const bound = boundExporter(exporter);
    const processor = new BatchSpanProcessor(bound, {
      maxQueueSize: spansQueuedMax,
      maxExportBatchSize: spansPerExportMax,
      scheduledDelayMillis: exportDelayMs,
      exportTimeoutMillis: exportTimeoutMs,
    });
    return { processor, stopRetrying: bound.stopRetrying };
  });
};

const under = (base: string, path: string): string => `${base.replace(/\/+$/, '')}/${path}`;
