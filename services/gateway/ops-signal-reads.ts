import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import type { Clock } from '#platform/clock';
import type { HealthReport } from '#platform/service-host';
import type { ServiceName } from '../table.js';
import type { OpsSignals } from './live-topics.js';
import { type Upstream, wholeBodyOf } from './upstream.js';

/** All who watch cost one reading in so long. */
const freshMs = 2_000;
const askMsMax = 2_500;
const groupsMax = 20;

const stuckPage = z.object({ items: z.array(z.object({ since: z.string() })) });
const letterPage = z.object({
  reasons: z.array(z.object({ topic: z.string(), group: z.string(), reason: z.string(), waiting: z.int() })),
});
const stockPage = z.object({ items: z.array(z.object({ available: z.int() })) });

export type OpsSignalSource = {
  /** `authorization` is of a member of staff: the services check it, and answer every one of them alike. */
  read(authorization: IncomingHttpHeaders['authorization']): Promise<OpsSignals>;
};

export const createOpsSignals = (parts: {
  upstreams: Readonly<Record<ServiceName, Pick<Upstream, 'send'>>>;
  health: () => Promise<HealthReport>;
  clock: Clock;
}): OpsSignalSource => {
  const { upstreams, health, clock } = parts;
  let readAtMs = Number.NEGATIVE_INFINITY;
  let reading: Promise<OpsSignals> | undefined;

  /** Null where the service is away or answers something else. */
  const ask = async <S extends z.ZodType>(
    to: ServiceName,
    path: string,
    authorization: string | undefined,
    schema: S,
  ): Promise<z.output<S> | null> => {
    try {
      const answer = await upstreams[to].send({
        method: 'GET',
        path,
        headers: { accept: 'application/json', ...(authorization === undefined ? {} : { authorization }) },
        body: null,
        signal: AbortSignal.timeout(askMsMax),
      });
      const body = String(await wholeBodyOf(answer));
      return answer.statusCode === 200 ? schema.parse(JSON.parse(body)) : null;
    } catch {
      return null;
    }
  };

  const readAll = async (authorization: string | undefined): Promise<OpsSignals> => {
    const [report, stuck, letters, stock] = await Promise.all([
      health(),
      ask('order', '/api/ops/sagas?stuck=true&limit=100', authorization, stuckPage),
      ask('operations', '/api/ops/dead-letters?status=waiting&limit=1', authorization, letterPage),
      ask('inventory', '/api/inventory/alerts?limit=100', authorization, stockPage),
    ]);
    const named = (status: string) =>
      Object.entries(report.dependencies).flatMap(([name, part]) => (part.status === status ? [name] : []));
    return {
      asOf: new Date(clock.nowMs()).toISOString(),
      servicesDown: named('down'),
      servicesDegraded: named('degraded'),
      stuckOrders: stuck && {
        count: stuck.items.length,
        oldestSince: stuck.items.map(({ since }) => since).sort()[0] ?? null,
      },
      deadLetters: letters && {
        waiting: letters.reasons.reduce((sum, { waiting }) => sum + waiting, 0),
        groups: letters.reasons.filter(({ waiting }) => waiting > 0).slice(0, groupsMax),
      },
      lowStock: stock && {
        count: stock.items.length,
        outOfStock: stock.items.filter(({ available }) => available <= 0).length,
      },
    };
  };

  return {
    read: (authorization) => {
      const nowMs = clock.monotonicMs();
      if (reading === undefined || nowMs - readAtMs > freshMs) {
        readAtMs = nowMs;
        reading = readAll(authorization);
      }
      return reading;
    },
  };
};
