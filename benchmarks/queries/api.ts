/**
 * The analytics over one database as a process of its own: the service's routes behind its HTTP server, without the gateway.
 * Its one argument is an `ApiPlan` as JSON; it prints the port.
 */
import { type ClickHouse, createClickHouse } from '#platform/clickhouse/client';
import { createHttpServer } from '#platform/http/server';
import { handClock } from '#platform/testing/hand-clock';
import { testHost } from '#platform/testing/test-host';
import { createAnswers } from '../../services/analytics/answers.js';
import { rawQueries, sumQueries, withinCost } from '../../services/analytics/clickhouse-calls.js';
import { createFigures } from '../../services/analytics/figures.js';
import { createGatheredRows } from '../../services/analytics/gathered-rows-store.js';
import { analyticsRoutes } from '../../services/analytics/routes.js';

export type ApiPlan = {
  clickhouseUrl: string;
  nowMs: number;
  /** True if the data are others at every request, so that no answer serves twice. */
  isChanging: boolean;
  arePlansShown: boolean;
};

const plan = JSON.parse(process.argv[2] ?? '{}') as ApiPlan;
const host = testHost('analytics');
const wall = handClock(plan.nowMs);
const clock = { nowMs: wall.nowMs, monotonicMs: () => performance.now() };
let version = 0;
const clickhouse = createClickHouse({ url: plan.clickhouseUrl });
const explained = new Set<string>();
/** Each statement's plan goes to the terminal before it is asked for the first time. */
const explaining: Pick<ClickHouse, 'query'> = {
  query: async (sql, params) => {
    if (plan.arePlansShown && !explained.has(sql)) {
      explained.add(sql);
      const steps = await clickhouse.query<{ explain: string }>(`EXPLAIN indexes = 1 ${sql}`, params);
      console.error(`\n${sql}\n${steps.map(({ explain }) => explain).join('\n')}`);
    }
    return clickhouse.query(sql, params);
  },
};
const gathered = createGatheredRows({ clickhouse, clock, logger: host.logger });
/** Without the budget, because one question after the other is all that is asked. */
const answersFor = ({ budget: _, ...queryClass }: typeof rawQueries) =>
  createAnswers({
    clickhouse: withinCost(explaining, queryClass),
    completeness: {
      read: async () => {
        if (plan.isChanging) version += 1;
        return { asOfMs: plan.nowMs, lagMs: 0, version: String(version) };
      },
    },
    clock,
    gathered,
  });
const slow = answersFor(rawQueries);
const { app, component } = createHttpServer(host, {
  port: 0,
  title: 'analytics',
  auth: { principalOf: async () => ({ kind: 'user', userId: 'bench', roles: ['analyst'] }) },
});
analyticsRoutes(app, {
  figures: createFigures(answersFor(sumQueries), clock),
  answers: {
    sales: slow,
    activity: slow,
    salesAndActivity: slow,
    salesActivityAndOrders: slow,
    visits: slow,
    performance: slow,
    stockOuts: slow,
    fraudSignals: slow,
  },
  clock: { ...wall, ...clock },
});
await component.start();
console.log(component.url);
