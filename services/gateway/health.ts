import { type HealthReport, type HealthStatus, type Host, worst } from '#platform/service-host';
import type { Upstream } from './upstream.js';

const askTimeoutMs = 2500;
const freshMs = 500;

/**
 * The health of everything behind the gateway: one entry for each service, besides the gateway's own dependencies. If a
 * service is down, the whole is `degraded`, because the others still work; it is `down` only when all of them are down.
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
    const statuses = services.map(([, { status }]) => status);
    const allDown = statuses.length > 0 && statuses.every((status) => status === 'down');
    const worstOf = worst([own.status, ...statuses]);
    return {
      ...own,
      status: own.status === 'down' || allDown ? 'down' : worstOf === 'up' ? 'up' : 'degraded',
      dependencies: { ...own.dependencies, ...Object.fromEntries(services) },
    };
  };

  return () => {
    const atMs = performance.now();
    // Concurrent callers share one answer.
    if (asked === undefined || atMs - asked.atMs > freshMs) asked = { atMs, report: ask() };
    return asked.report;
  };
};

const healthOf = async (upstream: Upstream): Promise<{ status: HealthStatus; latencyMs: number }> => {
  const startedAt = performance.now();
  const status = await upstream.getJson('/health/ready', askTimeoutMs).then(
    ({ body }) => statusIn(body),
    () => 'down' as const,
  );
  return { status, latencyMs: Math.round((performance.now() - startedAt) * 10) / 10 };
};

const statusIn = (body: unknown): HealthStatus => {
  const status = (body as { status?: unknown } | null)?.status;
  return status === 'up' || status === 'degraded' ? status : 'down';
};
