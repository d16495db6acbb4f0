import {
  type Attributes,
  type Context,
  context,
  createContextKey,
  isSpanContextValid,
  type Link,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { boundExporter, exportTimeoutMs } from './span-export.js';

export { type Context, type Span, SpanKind, type Tracer } from '@opentelemetry/api';

/** Bounds of what waits for Zipkin: past them spans are dropped, never waited for. */
const spansQueuedMax = 4096;
const spansPerExportMax = 256;
const exportDelayMs = 500;
const lastExportMs = 1000;

type Exporting = { processor: SpanProcessor; sampleRatio: number; shutdown(): Promise<void> };

let exporting: Promise<Exporting> | undefined;

/**
 * Starts tracing for one service and returns its tracer. Services of one process share the exporter and its
 * bounded queue, but each has a TracerProvider with its own `service.name`, so that Zipkin shows them apart.
 * Sampling follows the caller's decision where there is one, else `sampleRatio`. Without `zipkinUrl` contexts
 * still travel, and nothing is recorded or sent. An unreachable Zipkin costs spans, nothing else.
 */
export const startTracing = async (options: {
  service: string;
  zipkinUrl?: string | undefined;
  /** 0 (none) to 1 (every trace that starts here). The first service of a process decides for its process. */
  sampleRatio: number;
}): Promise<Tracer> => {
  exporting ??= startExporting(options);
  const { processor, sampleRatio } = await exporting;
  const { BasicTracerProvider, ParentBasedSampler, TraceIdRatioBasedSampler } = await import(
    '@opentelemetry/sdk-trace-base'
  );
  const { resourceFromAttributes } = await import('@opentelemetry/resources');
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': options.service }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(sampleRatio) }),
    spanProcessors: [processor],
  });
  return provider.getTracer('cartstream');
};

/** Sends what is queued (1 s at most), then stops. For the end of the process only. */
export const stopTracing = async (): Promise<void> => {
  if (exporting === undefined) return;
  const { shutdown } = await exporting;
  await Promise.race([
    shutdown().catch(() => {}),
    new Promise((done) => setTimeout(done, lastExportMs).unref()),
  ]);
};

const startExporting = async (options: {
  zipkinUrl?: string | undefined;
  sampleRatio: number;
}): Promise<Exporting> => {
  // Loaded on demand: a unit test need not pay for it. And part by part: the package that gathers the parts loads every
  // exporter there is, which was a quarter of a service's start.
  const { AsyncLocalStorageContextManager } = await import('@opentelemetry/context-async-hooks');
  const { W3CTraceContextPropagator } = await import('@opentelemetry/core');
  const { BatchSpanProcessor, NoopSpanProcessor } = await import('@opentelemetry/sdk-trace-base');
  const { zipkinUrl, sampleRatio } = options;
  const exporter = zipkinUrl === undefined ? undefined : boundExporter(await zipkinExporter(zipkinUrl));
  const processor: SpanProcessor =
    exporter === undefined
      ? new NoopSpanProcessor()
      : new BatchSpanProcessor(exporter, {
          maxQueueSize: spansQueuedMax,
          maxExportBatchSize: spansPerExportMax,
          scheduledDelayMillis: exportDelayMs,
          exportTimeoutMillis: exportTimeoutMs,
        });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  return {
    processor,
    sampleRatio: exporter === undefined ? 0 : sampleRatio,
    shutdown: () => {
      exporter?.stopRetrying();
      return processor.shutdown();
    },
  };
};

const zipkinExporter = async (zipkinUrl: string) => {
  const { ZipkinExporter } = await import('@opentelemetry/exporter-zipkin');
  return new ZipkinExporter({ url: `${zipkinUrl.replace(/\/+$/, '')}/api/v2/spans` });
};

const tracerKey = createContextKey('tracer of the running service');

/** `parent` (the active context if unset) with `tracer` as the one that `withSpan` uses below it. */
export const contextWithTracer = (tracer: Tracer, parent: Context = context.active()): Context =>
  parent.setValue(tracerKey, tracer);

/** The span context of a W3C `traceparent`, or an empty context where it is missing or malformed. */
export const contextFromTraceparent = (traceparent: string | undefined): Context => {
  const match = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent ?? '');
  if (match === null) return ROOT_CONTEXT;
  const [, traceId = '', spanId = '', flags = '00'] = match;
  const remote = { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true };
  return isSpanContextValid(remote) ? trace.setSpanContext(ROOT_CONTEXT, remote) : ROOT_CONTEXT;
};

/** The active span's W3C `traceparent`, to be sent along; undefined outside any trace. */
export const currentTraceparent = (): string | undefined => traceparentOf(context.active());

export const traceparentOf = (from: Context): string | undefined => {
  const span = trace.getSpanContext(from);
  if (span === undefined || !isSpanContextValid(span)) return undefined;
  return `00-${span.traceId}-${span.spanId}-${(span.traceFlags & 1).toString(16).padStart(2, '0')}`;
};

/** True where the trace is recorded: the expensive description of a span is worth its while. */
export const isSampled = (from: Context): boolean =>
  ((trace.getSpanContext(from)?.traceFlags ?? 0) & 1) === 1;

export type SpanOptions = {
  /** INTERNAL if unset. */
  kind?: SpanKind;
  attributes?: Attributes;
  /** The active context if unset; `contextFromTraceparent(…)` for what came over the wire. */
  parent?: Context;
  links?: Link[];
  /** The tracer of the nearest enclosing `withSpan` if unset: only an outermost span need name its service's. */
  tracer?: Tracer;
  /** Epoch milliseconds; now if unset. */
  startedAtMs?: number;
};

/**
 * Runs `fn` inside a span that ends when it settles. What it throws is recorded on the span and thrown on.
 */
export const withSpan = async <T>(
  name: string,
  options: SpanOptions,
  fn: (span: Span) => Promise<T> | T,
): Promise<T> => {
  const { span, within } = startSpan(name, options);
  try {
    return await context.with(within, () => fn(span));
  } catch (error) {
    span.setStatus({
      code: SpanStatusCode.ERROR,
      message: error instanceof Error ? error.message : String(error),
    });
    throw error;
  } finally {
    span.end();
  }
};

/** A span whose end the caller takes care of, and the context to run under it with `runInContext`. */
export const startSpan = (name: string, options: SpanOptions): { span: Span; within: Context } => {
  const active = context.active();
  const parent = options.parent ?? active;
  const tracer =
    options.tracer ??
    ((parent.getValue(tracerKey) ?? active.getValue(tracerKey)) as Tracer | undefined) ??
    trace.getTracer('cartstream');
  const span = tracer.startSpan(
    name,
    {
      kind: options.kind ?? SpanKind.INTERNAL,
      ...(options.attributes === undefined ? {} : { attributes: options.attributes }),
      ...(options.links === undefined ? {} : { links: options.links }),
      ...(options.startedAtMs === undefined ? {} : { startTime: options.startedAtMs }),
    },
    parent,
  );
  return { span, within: contextWithTracer(tracer, trace.setSpan(parent, span)) };
};

export const runInContext = <T>(within: Context, fn: () => T): T => context.with(within, fn);

/** Copies the active trace into outgoing headers (`traceparent`, and `tracestate` where there is one). */
export const injectTrace = (headers: Record<string, string>, from: Context = context.active()): void => {
  propagation.inject(from, headers);
};
