import type { Tracer } from '@opentelemetry/api';
import { z } from 'zod';
import { type Clock, systemClock } from '#platform/clock';
import { envSchema, loadConfig, setting } from '#platform/config';
import { messageOf, PlatformError } from '#platform/errors';
import { version } from '#platform/project';
import { createLogger, type Logger, logLevels } from '#platform/telemetry/logger';
import { createMetrics, type Metrics } from '#platform/telemetry/metrics';
import { startTracing, stopTracing } from '#platform/telemetry/tracing';
import { within } from '#platform/waiting/deadline';

export type { Logger } from '#platform/telemetry/logger';
export type { Metrics } from '#platform/telemetry/metrics';

export type HealthStatus = 'up' | 'degraded' | 'down';

/**
 * `down` means that the service cannot work; `degraded` means that this part is away and the service works without it.
 * `detail` is for the log and is not shown to callers.
 */
export type DependencyHealth = { status: HealthStatus; detail?: string };

/** The progress of a member of a consumer group in one of its partitions. Offsets are decimal texts. */
export type PartitionReport = {
  topic: string;
  partition: number;
  nextOffset: string;
  /** The number of records not handled yet. */
  lag: number;
  /**
   * How long it has made no progress although records are left, counted while this process ran; 0 while it progresses.
   */
  heldForMs: number;
  /** RFC 3339; null while it progresses. */
  heldSince: string | null;
  /** The offset of the record that holds the partition, where a single record does. */
  heldOffset: string | null;
  /** How often in a row the next batch has failed. */
  failures: number;
  /** The message of the last failure. */
  reason: string | null;
};

export type ConsumerReport = {
  group: string;
  /** How often the consumer gave up its membership and started over. */
  restarts: number;
  /** Why the consumer has no partitions; null while it has some. */
  trouble: string | null;
  partitions: readonly PartitionReport[];
};

/** A part that is started and stopped: a pool, a consumer, a server. */
export type Component = {
  name: string;
  /** True for the part that accepts callers: it starts after all other parts, and stops before them. */
  isFront?: true;
  start(): Promise<void>;
  /** Finishes running work and releases resources. Called once, also when `start` has failed half-way. */
  stop(): Promise<void>;
  /** Called for `/health/ready`; an answer slower than 2 s counts as down. */
  checkHealth?(): Promise<DependencyHealth>;
  /** The progress of its consumers, if it has any. Makes no requests. */
  consumers?(): readonly ConsumerReport[];
};

export type HealthReport = {
  status: HealthStatus;
  service: string;
  version: string;
  dependencies: Record<string, { status: HealthStatus; latencyMs: number }>;
};

/** What a process provides to a service that runs in it. */
export type Host = {
  readonly service: string;
  readonly version: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly tracer: Tracer;
  /** The address servers bind to: 127.0.0.1 unless HOST says otherwise. */
  readonly listenAddress: string;
  /** Aborted when the service begins to stop: long-lived answers end, loops leave. */
  readonly stopping: AbortSignal;
  /** Registers a component: they start in the order of `use`, fronts last, and stop in reverse. */
  use<T extends Component>(component: T): T;
  /**
   * Reports an error that ends the service: it is logged, then the process exits with 1, and its supervisor restarts
   * it.
   */
  onFatal(error: unknown): void;
  health(): Promise<HealthReport>;
  /** The consumers of all components. */
  consumers(): readonly ConsumerReport[];
};

export type RunnableHost = Host & {
  /** Starts the components in order; when one fails, stops those already started and throws its error. */
  start(): Promise<void>;
  /** Stops the components in reverse. Never throws: failures are logged. Later calls share the first one's result. */
  stop(): Promise<void>;
};

/** A component that has not said how it is by then counts as down. */
export const healthTimeoutMs = 2000;
const stopTimeoutMs = 8000;

/** A host without a process around it. `runServices` uses it, and tests use it directly. */
export const createHost = (options: {
  service: string;
  logger: Logger;
  metrics: Metrics;
  tracer: Tracer;
  clock?: Clock;
  listenAddress?: string;
  onFatal(error: unknown): void;
}): RunnableHost => {
  const components: Component[] = [];
  const stopping = new AbortController();
  const { service, logger } = options;
  const { start, stop } = createLifecycle(options, components, stopping);

  return {
    service,
    version,
    clock: options.clock ?? systemClock,
    logger,
    metrics: options.metrics,
    tracer: options.tracer,
    listenAddress: options.listenAddress ?? '127.0.0.1',
    stopping: stopping.signal,
    use: (component) => {
      components.push(component);
      return component;
    },
    onFatal: options.onFatal,
    health: async () => {
      const checked = components.filter((component) => component.checkHealth !== undefined);
      const reports = await Promise.all(
        checked.map(async (component) => [component.name, await timedHealth(component, logger)] as const),
      );
      return {
        status: stopping.signal.aborted ? 'down' : worst(reports.map(([, report]) => report.status)),
        service,
        version,
        dependencies: Object.fromEntries(reports),
      };
    },
    consumers: () => components.flatMap((component) => component.consumers?.() ?? []),
    start,
    stop,
  };
};

/** Starts the components in order, fronts last, and stops those that were started in reverse. */
const createLifecycle = (
  { service, logger }: { service: string; logger: Logger },
  components: readonly Component[],
  stopping: AbortController,
) => {
  const touched: Component[] = [];
  let stopped: Promise<void> | undefined;

  const stopAll = async (): Promise<void> => {
    stopping.abort();
    for (const component of touched.reverse()) {
      try {
        await component.stop();
      } catch (error) {
        logger.warn({ err: error, component: component.name }, 'component did not stop cleanly');
      }
    }
  };
  const stop = (): Promise<void> => {
    stopped ??= stopAll();
    return stopped;
  };

  const start = async (): Promise<void> => {
    const isFront = (component: Component) => component.isFront === true;
    const behind = components.filter((component) => !isFront(component));
    for (const component of [...behind, ...components.filter(isFront)]) {
      if (stopping.signal.aborted) return;
      touched.push(component);
      try {
        await component.start();
      } catch (error) {
        await stop();
        throw new StartFailure(`${service}: ${component.name} did not start: ${oneLine(error)}`, error);
      }
    }
  };
  return { start, stop };
};

/** The worst of several statuses; `up` for an empty list. */
export const worst = (statuses: readonly HealthStatus[]): HealthStatus =>
  statuses.includes('down') ? 'down' : statuses.includes('degraded') ? 'degraded' : 'up';

const timedHealth = async (
  component: Component,
  logger: Logger,
): Promise<{ status: HealthStatus; latencyMs: number }> => {
  const startedAt = performance.now();
  const asked = Promise.resolve(component.checkHealth?.() ?? { status: 'up' as const });
  const health = await within(healthTimeoutMs, asked).catch(
    (error: unknown): DependencyHealth => ({ status: 'down', detail: oneLine(error) }),
  );
  if (health.status !== 'up')
    logger.debug({ component: component.name, ...health }, 'dependency is not well');
  return { status: health.status, latencyMs: Math.round((performance.now() - startedAt) * 10) / 10 };
};

class StartFailure extends Error {
  constructor(message: string, cause: unknown) {
    super(message, { cause });
    this.name = 'StartFailure';
  }
}

const oneLine = (error: unknown): string => messageOf(error).split('\n')[0] ?? 'unknown';

export type Service<C = unknown> = {
  name: string;
  config: z.ZodType<C>;
  /** Wires the service: constructs its components and hands them to `host.use`. Starts nothing. */
  build(config: Readonly<C>, host: Host): Promise<void> | void;
};

/** The settings that every process has. */
const hostConfig = envSchema({
  logLevel: ['LOG_LEVEL', z.enum(logLevels).default('info')],
  zipkinUrl: ['ZIPKIN_URL', setting.url.optional()],
  /** If set, traces are also sent there as OTLP over HTTP, in JSON. */
  otlpEndpoint: ['OTEL_EXPORTER_OTLP_ENDPOINT', setting.url.optional()],
  listenAddress: ['HOST', setting.text.default('127.0.0.1')],
  traceSampleRatio: ['TRACE_SAMPLE_RATIO', setting.ratio.default(1)],
  /** Of the reads (GET and HEAD) whose caller does not decide, at most so many a second are traced by each process. */
  traceReadsPerSecondMax: ['TRACE_READS_PER_SECOND_MAX', setting.integer(0, 1_000_000).default(10)],
  /** The same of all other requests. */
  traceWritesPerSecondMax: ['TRACE_WRITES_PER_SECOND_MAX', setting.integer(0, 1_000_000).default(20)],
});

/**
 * Runs one service as this process: reads the configuration from the environment and starts. SIGTERM or SIGINT drains
 * and stops it within 8 s, and it exits with 0. It exits with 1, and one line with the reason, when it cannot start,
 * when a component reports a fatal error, or when an error is thrown that no code caught.
 */
export const runService = <C>(service: Service<C>): Promise<void> => runServices([service as Service]);

/** The same for several services in one process: they share only its signals and its end. */
export const runServices = async (services: readonly Service[]): Promise<void> => {
  let hosts: RunnableHost[] = [];
  let ending = false;
  const processName = services.map((service) => service.name).join('+');
  let logger = createLogger(services.length === 1 ? processName : 'host');

  const end = async (exitCode: number): Promise<void> => {
    if (ending) return;
    ending = true;
    const deadline = setTimeout(() => {
      logger.error({ stopTimeoutMs }, 'did not stop in time');
      process.exit(1);
    }, stopTimeoutMs);
    await Promise.all(hosts.map((host) => host.stop()));
    await stopTracing();
    clearTimeout(deadline);
    process.exit(exitCode);
  };
  const fatal = (error: unknown): void => {
    logger.fatal({ err: error }, `fatal: ${oneLine(error)}`);
    process.exit(1);
  };

  process.on('uncaughtException', fatal);
  process.on('unhandledRejection', fatal);
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      if (ending) process.exit(1);
      logger.info({ signal }, 'stopping');
      void end(0);
    });

  try {
    const { settings, configs } = loadAll(services);
    logger = createLogger(services.length === 1 ? processName : 'host', { level: settings.logLevel });
    hosts = await Promise.all(
      services.map(async (service, index) => {
        const host = createHost({
          service: service.name,
          logger: createLogger(service.name, { level: settings.logLevel }),
          metrics: createMetrics(service.name),
          tracer: await startTracing({
            service: service.name,
            zipkinUrl: settings.zipkinUrl,
            otlpEndpoint: settings.otlpEndpoint,
            sampleRatio: settings.traceSampleRatio,
            readsPerSecondMax: settings.traceReadsPerSecondMax,
            writesPerSecondMax: settings.traceWritesPerSecondMax,
          }),
          listenAddress: settings.listenAddress,
          onFatal: fatal,
        });
        await service.build(configs[index] ?? {}, host);
        return host;
      }),
    );
    await Promise.all(hosts.map((host) => host.start()));
    if (!ending) logger.info({ services: services.map((service) => service.name) }, 'started');
  } catch (error) {
    const message =
      error instanceof PlatformError || error instanceof StartFailure ? error.message : undefined;
    if (message === undefined) return fatal(error);
    logger.fatal(message);
    process.stderr.write(`${message}\n`);
    await end(1);
  }
};

/** Loads the configuration of all services before it throws, so that one run shows every problem. */
const loadAll = (services: readonly Service[]) => {
  const problems = new Set<string>();
  const load = <C>(schema: z.ZodType<C>): Readonly<C> | undefined => {
    try {
      return loadConfig(schema, process.env);
    } catch (error) {
      if (!(error instanceof PlatformError)) throw error;
      for (const line of error.message.split('\n').slice(1)) problems.add(line);
      return undefined;
    }
  };
  const settings = load(hostConfig);
  const configs = services.map((service) => load(service.config));
  if (settings === undefined || problems.size > 0)
    throw new PlatformError('configuration_invalid', `configuration invalid:\n${[...problems].join('\n')}`, {
      retriable: false,
    });
  return { settings, configs };
};
