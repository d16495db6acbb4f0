import {
  type HealthReport,
  type HealthStatus,
  type Host,
  healthTimeoutMs,
  worst,
} from '#platform/service-host';
import type { Upstream } from './upstream.js';

const askTimeoutMs = 2500;
const freshMs = 500;

/** The engines that services use and the gateway does not. */
const enginesBehind = ['postgres', 'clickhouse'] as const;
/** What is asked by a component of a service itself, within the time that those have. */
const engines: ReadonlySet<string> = new Set([...enginesBehind, 'kafka', 'redis', 'schema-registry']);

type Part = HealthReport['dependencies'][string];

/**
 * The health of everything behind the gateway: one entry for each service, and for each engine that only services use,
 * besides the gateway's own dependencies. If a service is down, the whole is `degraded`, because the others still work; it
 * is `down` only when all of them are down.
 */
export const createAggregatedHealth = (
  host: Host,
  upstreams: readonly Upstream[],
): (() => Promise<HealthReport>) => {
  let asked: { atMs: number; report: Promise<HealthReport> } | undefined;

  const ask = async (): Promise<HealthReport> => {
    const [own, services] = await Promise.all([
      host.health(),
      Promise.all(upstreams.map(async (upstream) => [upstream.name, await healthOf(upstream)] as const)),
    ]);
    const statuses = services.map(([, { part }]) => part.status);
    const allDown = statuses.length > 0 && statuses.every((status) => status === 'down');
    const worstOf = worst([own.status, ...statuses]);
    return {
      ...own,
      status: own.status === 'down' || allDown ? 'down' : worstOf === 'up' ? 'up' : 'degraded',
      dependencies: {
        ...own.dependencies,
        ...enginesOf(services.flatMap(([, { uses }]) => uses)),
        ...Object.fromEntries(services.map(([name, { part }]) => [name, part])),
      },
    };
  };

  return () => {
    const atMs = performance.now();
    // Concurrent callers share one answer.
    if (asked === undefined || atMs - asked.atMs > freshMs) asked = { atMs, report: ask() };
    return asked.report;
  };
};

/** An engine that some instances reach and others do not is degraded. Its latency is that of the slowest. */
const enginesOf = (uses: readonly Readonly<Record<string, Part>>[]): Record<string, Part> =>
  Object.fromEntries(
    enginesBehind.flatMap((engine) => {
      const seen = uses.flatMap((parts) => parts[engine] ?? []);
      if (seen.length === 0) return [];
      const status = together(seen.map(({ status }) => status));
      return [[engine, { status, latencyMs: Math.max(...seen.map(({ latencyMs }) => latencyMs)) }]];
    }),
  );

/** Of all instances: degraded while some are worse than others, so that it does not depend on whose turn it is. */
const healthOf = async (upstream: Upstream): Promise<{ part: Part; uses: Record<string, Part>[] }> => {
  const startedAt = performance.now();
  const answers = await upstream.askEach('/health/ready', askTimeoutMs);
  const latencyMs = Math.round((performance.now() - startedAt) * 10) / 10;
  return {
    part: { status: together(answers.map((answer) => statusIn(answer?.body))), latencyMs },
    uses: answers.map((answer) => usesIn(answer?.body)),
  };
};

const together = (statuses: readonly HealthStatus[]): HealthStatus =>
  new Set(statuses).size === 1 ? worst(statuses) : 'degraded';

/** Timers fire up to a millisecond early by another clock. */
const earlyMsMax = 5;

/** The names of what is down only because it did not answer in time: it may work all the same, slowly. */
export const slowIn = ({ dependencies }: HealthReport): string[] =>
  Object.entries(dependencies).flatMap(([name, { status, latencyMs }]) => {
    const waitedMs = engines.has(name) ? healthTimeoutMs : askTimeoutMs;
    return status === 'down' && latencyMs >= waitedMs - earlyMsMax ? [name] : [];
  });

const usesIn = (body: unknown): Record<string, Part> =>
  (body as { dependencies?: Record<string, Part> } | null | undefined)?.dependencies ?? {};

const statusIn = (body: unknown): HealthStatus => {
  const status = (body as { status?: unknown } | null | undefined)?.status;
  return status === 'up' || status === 'degraded' ? status : 'down';
};
