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
import { messageOf } from '#platform/errors';
import { randomHex } from '#platform/ids';
import {
  type OpenDestination,
  openDestinations,
  type SpanDestinations,
} from '#platform/telemetry/span-destinations';
import { createAllowance } from '#platform/waiting/allowance';
import { endsWithin } from '#platform/waiting/deadline';

export { type Context, type Span, SpanKind, type Tracer } from '@opentelemetry/api';

const lastExportMs = 1000;

type Exporting = { destinations: readonly OpenDestination[]; sampleRatio: number };

let exporting: Promise<Exporting> | undefined;

let readTraces = createAllowance(Number.POSITIVE_INFINITY);
let writeTraces = createAllowance(Number.POSITIVE_INFINITY);

/**
 * Starts tracing for one service and returns its tracer. Services of one process share the exporters and their
 * bounded queues, but each has a TracerProvider with its own `service.name`, so that Zipkin shows them separately.
 * Sampling follows the caller's decision where there is one, else `sampleRatio`. Without a destination contexts are
 * still propagated, but nothing is recorded or sent. While a receiver is away spans are lost, and nothing else is
 * affected.
 */
export const startTracing = async (
  options: SpanDestinations & {
    service: string;
    /** 0 (none) to 1 (every trace that starts here). The first service of a process decides for the whole process. */
    sampleRatio: number;
    /** Traces of reads that start here, a second, of the whole process; see `startRequestSpan`. */
    readsPerSecondMax?: number;
    /** The same of all other requests. */
    writesPerSecondMax?: number;
  },
): Promise<Tracer> => {
  if (options.readsPerSecondMax !== undefined) readTraces = createAllowance(options.readsPerSecondMax);
  if (options.writesPerSecondMax !== undefined) writeTraces = createAllowance(options.writesPerSecondMax);
  exporting ??= startExporting(options);
  const { destinations, sampleRatio } = await exporting;
  const { BasicTracerProvider, ParentBasedSampler, TraceIdRatioBasedSampler } = await import(
    '@opentelemetry/sdk-trace-base'
  );
  const { resourceFromAttributes } = await import('@opentelemetry/resources');
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': options.service }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(sampleRatio) }),
    spanProcessors: destinations.map(({ processor }) => processor),
  });
  return provider.getTracer('cartstream');
};

/** Sends the queued spans (1 s at most), then stops. For the end of the process only. */
export const stopTracing = async (): Promise<void> => {
  if (exporting === undefined) return;
  const { destinations } = await exporting;
  for (const { stopRetrying } of destinations) stopRetrying();
  await endsWithin(
    lastExportMs,
    Promise.allSettled(destinations.map(({ processor }) => processor.shutdown())),
  );
};

const startExporting = async (options: SpanDestinations & { sampleRatio: number }): Promise<Exporting> => {
  // Loaded on demand, so that unit tests do not load it. And loaded in parts, because the SDK package loads every
  // exporter, which took a quarter of a service's start.
  const { AsyncLocalStorageContextManager } = await import('@opentelemetry/context-async-hooks');
  const { W3CTraceContextPropagator } = await import('@opentelemetry/core');
  const destinations = await openDestinations(options);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  return { destinations, sampleRatio: destinations.length === 0 ? 0 : options.sampleRatio };
};

const tracerKey = createContextKey('tracer of the running service');

/** `parent` (the active context if unset) with `tracer` as the one that `withSpan` uses below it. */
export const contextWithTracer = (tracer: Tracer, parent: Context = context.active()): Context =>
  parent.setValue(tracerKey, tracer);

/** The context of a W3C `traceparent`, or an empty context where the header is missing or malformed. */
export const contextFromTraceparent = (traceparent: string | undefined): Context => {
  const match = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent ?? '');
  if (match === null) return ROOT_CONTEXT;
  const [, traceId = '', spanId = '', flags = '00'] = match;
  const remote = { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true };
  return isSpanContextValid(remote) ? trace.setSpanContext(ROOT_CONTEXT, remote) : ROOT_CONTEXT;
};

/** The active span's W3C `traceparent`, for outgoing messages; undefined outside any trace. */
export const currentTraceparent = (): string | undefined => traceparentOf(context.active());

export const traceparentOf = (from: Context): string | undefined => {
  const span = trace.getSpanContext(from);
  if (span === undefined || !isSpanContextValid(span)) return undefined;
  return `00-${span.traceId}-${span.spanId}-${(span.traceFlags & 1).toString(16).padStart(2, '0')}`;
};

export type SpanOptions = {
  /** INTERNAL if unset. */
  kind?: SpanKind;
  attributes?: Attributes;
  /** The active context if unset; `contextFromTraceparent(…)` for a context that came with a message. */
  parent?: Context;
  links?: Link[];
  /** The tracer of the nearest enclosing `withSpan` if unset: only an outermost span needs to set it. */
  tracer?: Tracer;
  /** Epoch milliseconds, rounded: Zipkin refuses a whole batch for one time with a fraction. Now if unset. */
  startedAtMs?: number;
};

/**
 * Runs `fn` inside a span that ends when `fn` settles. An error is recorded on the span and rethrown.
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
      message: messageOf(error),
    });
    throw error;
  } finally {
    span.end();
  }
};

/** Starts a span that the caller has to end, and returns it with its context for `runInContext`. */
export const startSpan = (name: string, options: SpanOptions): { span: Span; within: Context } => {
  const active = context.active();
  const parent = options.parent ?? active;
  const tracer =
    options.tracer ??
    ((parent.getValue(tracerKey) ?? active.getValue(tracerKey)) as Tracer | undefined) ??
    trace.getTracer('cartstream');
  const above = trace.getSpanContext(parent);
  // What is not sampled makes no spans below either: they would be created, filled and thrown away.
  if (above !== undefined && (above.traceFlags & 1) === 0)
    return { span: trace.wrapSpanContext(above), within: contextWithTracer(tracer, parent) };
  const span = tracer.startSpan(
    name,
    {
      kind: options.kind ?? SpanKind.INTERNAL,
      ...(options.attributes === undefined ? {} : { attributes: options.attributes }),
      ...(options.links === undefined ? {} : { links: options.links }),
      ...(options.startedAtMs === undefined ? {} : { startTime: Math.round(options.startedAtMs) }),
    },
    parent,
  );
  return { span, within: contextWithTracer(tracer, trace.setSpan(parent, span)) };
};

/**
 * The span of a request that arrived, with its context. The caller's decision to sample holds. Of the requests that
 * arrive without a decision only `readsPerSecondMax` reads and `writesPerSecondMax` others a second may be sampled. A
 * request that is not sampled has no span, but a context whose `traceparent` says so to whom it calls.
 */
export const startRequestSpan = (
  name: string,
  options: SpanOptions & { parent: Context; tracer: Tracer; isRead: boolean },
): { span: Span | undefined; within: Context } => {
  const { parent, tracer, isRead } = options;
  const caller = trace.getSpanContext(parent);
  if (caller === undefined && !(isRead ? readTraces : writeTraces).take()) {
    const unsampled = { traceId: randomHex(32), spanId: randomHex(16), traceFlags: 0 };
    return { span: undefined, within: contextWithTracer(tracer, trace.setSpanContext(parent, unsampled)) };
  }
  if (caller !== undefined && (caller.traceFlags & 1) === 0)
    return { span: undefined, within: contextWithTracer(tracer, parent) };
  return startSpan(name, options);
};

/** True while one more read that arrives without a decision would be sampled. */
export const wouldTraceRead = (): boolean => readTraces.isLeft();

/** A `traceparent` of a new trace that is not sampled. */
export const unsampledTraceparent = (): string => `00-${randomHex(32)}-${randomHex(16)}-00`;

export const runInContext = <T>(within: Context, fn: () => T): T => context.with(within, fn);

/**
 * Runs `fn` in the active trace as one that is not sampled: what it publishes names the trace and makes no spans. For one
 * request with very many effects, whose spans nobody could look through.
 */
export const runUnsampled = <T>(fn: () => T): T => {
  const active = context.active();
  const span = trace.getSpanContext(active);
  if (span === undefined || (span.traceFlags & 1) === 0) return fn();
  return context.with(trace.setSpanContext(active, { ...span, traceFlags: 0 }), fn);
};

/** Copies the active trace into outgoing headers (`traceparent`, and `tracestate` where there is one). */
export const injectTrace = (headers: Record<string, string>, from: Context = context.active()): void => {
  propagation.inject(from, headers);
};
