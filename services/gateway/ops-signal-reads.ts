import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import { createBoundedMap } from '#platform/bounded-map';
import type { Clock } from '#platform/clock';
import type { Principal } from '#platform/http/auth';
import type { HealthReport } from '#platform/service-host';
import { fraudSignalSchema } from '#schemas/fraud-signal-view';
import type { ServiceName } from '../table.js';
import { slowIn } from './health.js';
import type { OpsSignals } from './live-topics.js';
import { type Upstream, wholeBodyOf } from './upstream.js';

/** All who watch with the same rights cost one reading in so long. */
const freshMs = 2_000;
const askMsMax = 2_500;
const groupsMax = 20;
const rightsKeptMax = 100;

const stuckPage = z.object({ items: z.array(z.object({ since: z.string() })) });
const letterPage = z.object({
  reasons: z.array(z.object({ topic: z.string(), group: z.string(), reason: z.string(), waiting: z.int() })),
});
const stockPage = z.object({ items: z.array(z.object({ available: z.int() })) });
const fraudPage = z.object({ items: z.array(fraudSignalSchema) });
/** Of whole minutes, so that those who ask within a minute ask the same. */
const minuteMs = 60_000;
const fraudReachMs = 24 * 60 * 60_000;
const fraudShownMax = 5;

export type OpsSignalSource = {
  /**
   * `authorization` is of a member of staff: the services check it, and answer all with the same rights alike. What a
   * service refuses this caller (a null part) no other caller receives.
   */
  read(principal: Principal, authorization: IncomingHttpHeaders['authorization']): Promise<OpsSignals>;
};

type Reading = { signals: OpsSignals; isRefused: boolean };

// Over seventy lines: one reading of all services, which those who ask share.
export const createOpsSignals = (parts: {
  upstreams: Readonly<Record<ServiceName, Pick<Upstream, 'send'>>>;
  health: () => Promise<HealthReport>;
  clock: Clock;
}): OpsSignalSource => {
  const { upstreams, health, clock } = parts;
  const readings = createBoundedMap<{ readAtMs: number; reading: Promise<Reading> }>(rightsKeptMax);

  /** Null where the service is away or answers something else; `refused` is called where it answers 401 or 403. */
  const ask = async <S extends z.ZodType>(
    to: ServiceName,
    path: string,
    { authorization, refused }: { authorization: string | undefined; refused: () => void },
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
      if (answer.statusCode === 401 || answer.statusCode === 403) refused();
      return answer.statusCode === 200 ? schema.parse(JSON.parse(body)) : null;
    } catch {
      return null;
    }
  };

  const readAll = async (authorization: string | undefined): Promise<Reading> => {
    let isRefused = false;
    const by = {
      authorization,
      refused: () => {
        isRefused = true;
      },
    };
    const fraudFrom = new Date(
      Math.floor((clock.nowMs() - fraudReachMs) / minuteMs) * minuteMs,
    ).toISOString();
    const [report, stuck, letters, stock, fraud] = await Promise.all([
      health(),
      ask('order', '/api/ops/sagas?stuck=true&limit=100', by, stuckPage),
      ask('operations', '/api/ops/dead-letters?status=waiting&limit=1', by, letterPage),
      ask('inventory', '/api/inventory/alerts?limit=100', by, stockPage),
      ask('analytics', `/api/ops/fraud-signals?limit=100&from=${fraudFrom}`, by, fraudPage),
    ]);
    const named = (status: string) =>
      Object.entries(report.dependencies).flatMap(([name, part]) => (part.status === status ? [name] : []));
    const signals: OpsSignals = {
      asOf: new Date(clock.nowMs()).toISOString(),
      servicesDown: named('down'),
      servicesSlow: slowIn(report),
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
      fraudSignals: fraud && { count: fraud.items.length, newest: fraud.items.slice(0, fraudShownMax) },
    };
    return { signals, isRefused };
  };

  return {
    read: async (principal, authorization) => {
      const rights = rightsOf(principal);
      const known = readings.get(rights);
      if (known !== undefined && clock.monotonicMs() - known.readAtMs <= freshMs) {
        const { signals, isRefused } = await known.reading;
        if (!isRefused) return signals;
      }
      const own = { readAtMs: clock.monotonicMs(), reading: readAll(authorization) };
      readings.set(rights, own);
      const { signals, isRefused } = await own.reading;
      if (isRefused && readings.get(rights) === own) readings.delete(rights);
      return signals;
    },
  };
};

const rightsOf = (principal: Principal): string => {
  if (principal.kind === 'anonymous') return '';
  const scopes = principal.kind === 'key' ? [...principal.scopes].sort() : null;
  return JSON.stringify([[...principal.roles].sort(), scopes]);
};
