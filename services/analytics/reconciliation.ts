import { z } from 'zod';
import type { ClickHouse } from '#platform/clickhouse/client';
import type { Clock } from '#platform/clock';
import { PlatformError } from '#platform/errors';
import type { HttpApp } from '#platform/http/http-app';
import { decodeCursor, listQuery, pageFrom } from '#platform/http/pagination';
import { problem, problems, unavailable } from '#platform/http/problem-details';
import type { Component, Host } from '#platform/service-host';
import { createBell } from '#platform/waiting/bell';
import { heldAfterWaitMs } from '#schemas/payment-wait';
import { staff } from '#schemas/roles';
import type { CompletenessGauge } from './completeness.js';
import { type Oracle, type OracleName, oracles } from './oracles.js';

const names = oracles.map(({ name }) => name) as [OracleName, ...OracleName[]];

const difference = z
  .object({
    oracle: z.enum(names),
    subject: z.string().describe('The order, the product, or the hour and product that it is about.'),
    what: z.string().describe('What was compared.'),
    expected: z.string(),
    found: z.string(),
  })
  .meta({ id: 'ReconciliationDifference' });

const report = z
  .object({
    checkedAt: z.iso.datetime(),
    asOf: z.iso
      .datetime()
      .describe(
        'Up to when ClickHouse has all events: what came later is compared once it has the others of then.',
      ),
    quietMs: z
      .int()
      .describe(
        'Orders and products with an event within so many milliseconds before the time up to which ClickHouse has all ' +
          'events, or since, are not compared yet.',
      ),
    oracles: z.array(z.object({ oracle: z.enum(names), promise: z.string() })),
    items: z.array(difference),
    next: z.string().nullable(),
  })
  .meta({ id: 'Reconciliation' });

type Difference = z.output<typeof difference>;
type Place = Pick<Difference, 'oracle' | 'subject' | 'what'>;

/** What an order may have under way. */
const quietMs = 60_000;
/** An order waits for its payment for a quarter of an hour at most by default, and its buyer may try again after that. */
const waitingMs = 20 * 60_000;
const dayMs = 86_400_000;
/** A provider that cannot be reached takes no money, and is asked again. */
const capturingMs = dayMs;
/** A refund counts once the provider has settled it, which takes some of them two weeks. */
const refundingMs = 14 * dayMs;
const metricEveryMs = 300_000;
const countedMax = 1_000;

export type Reconciler = {
  /**
   * The differences after `place`, sorted by oracle, subject and what was compared; at most `rowsMax`. `asOfMs` is the time
   * up to which it has compared.
   */
  differences(
    which: readonly Oracle[],
    place: Place | undefined,
    rowsMax: number,
  ): Promise<{ found: Difference[]; asOfMs: number }>;
};

/** It compares what happened up to where `completeness` is: later events of a topic may be missing while another's are there. */
export const createReconciler = (
  clickhouse: Pick<ClickHouse, 'query'>,
  completeness: Pick<CompletenessGauge, 'read'>,
  /** How long a new order may wait for its payment, as it is set now. */
  paymentWaitMs: () => number = () => 0,
): Reconciler => ({
  differences: async (which, place, rowsMax) => {
    const { asOfMs } = await completeness.read();
    const openMs = Math.max(waitingMs, paymentWaitMs() + heldAfterWaitMs);
    const found: Difference[] = [];
    for (const { name: oracle, statement } of which) {
      if (found.length >= rowsMax) break;
      if (place !== undefined && oracle < place.oracle) continue;
      const rows = await clickhouse.query<Omit<Difference, 'oracle'>>(statement, {
        afterSubject: place?.oracle === oracle ? place.subject : '',
        afterWhat: place?.oracle === oracle ? place.what : '',
        quietSinceMs: asOfMs - quietMs,
        waitingSinceMs: asOfMs - openMs,
        capturingSinceMs: asOfMs - capturingMs,
        refundingSinceMs: asOfMs - refundingMs,
        rowsMax: rowsMax - found.length,
      });
      found.push(...rows.map((row) => ({ oracle, ...row })));
    }
    return { found, asOfMs };
  },
});

export const reconciliationRoutes = (app: HttpApp, reconciler: Reconciler, clock: Clock): void => {
  app.get(
    '/api/ops/reconciliation',
    {
      access: staff,
      schema: {
        tags: ['operations'],
        summary: 'Whether orders, payments, stock and ClickHouse say the same, with every difference.',
        description: 'No items mean that every oracle holds. It reads the log as ClickHouse has it.',
        querystring: z.strictObject({ ...listQuery, oracle: z.enum(names).optional() }),
        response: { 200: report, ...problems(422, 503) },
      },
    },
    async (request) => {
      const { limit, oracle } = request.query;
      const after = decodeCursor(request, z.tuple([z.enum(names), z.string(), z.string()]));
      const place = after && { oracle: after[0], subject: after[1], what: after[2] };
      const which = oracles.filter(({ name }) => oracle === undefined || name === oracle);
      const checkedAt = new Date(clock.nowMs()).toISOString();
      const { found, asOfMs } = await reconciler
        .differences(which, place, limit + 1)
        .catch((error: unknown) => {
          if (!(error instanceof PlatformError)) throw error;
          if (error.code === 'clickhouse_limit')
            throw problem(
              422,
              'question_too_costly',
              'A comparison would take more rows, memory or time than one statement may. Ask for another `oracle` by itself.',
            );
          if (error.retriable)
            throw unavailable('analytics_unavailable', 'The differences cannot be read at the moment.');
          throw error;
        });
      const { items, next } = pageFrom(request, found, ({ oracle, subject, what }) => [
        oracle,
        subject,
        what,
      ]);
      const asked = which.map(({ name, promise }) => ({ oracle: name, promise }));
      const asOf = new Date(asOfMs).toISOString();
      return { checkedAt, asOf, quietMs, oracles: asked, items, next };
    },
  );
};

/** An oracle that could not be asked so many times in a row is no longer known to agree. */
const missedMax = 3;

/**
 * Counts the differences of each oracle every `everyMs`, five minutes if unset, for the metrics. Its health is degraded while an
 * oracle has not been asked, or not about what came since, for three times as long: its last count then says nothing about now.
 */
export const watchReconciliation = (
  { metrics, logger, clock }: Pick<Host, 'metrics' | 'logger' | 'clock'>,
  reconciler: Reconciler,
  everyMs = metricEveryMs,
): Component => {
  const gauge = metrics.gauge(
    'reconciliation_differences',
    `Differences found by each oracle, up to ${countedMax}: see GET /api/ops/reconciliation.`,
    ['oracle'],
  );
  const countedAt = metrics.gauge(
    'reconciliation_counted_timestamp_seconds',
    'When the differences of each oracle were counted last; before the first time, when the service started.',
    ['oracle'],
  );
  const countedMs = new Map<OracleName, number>();
  const failing = new Set<OracleName>();
  const noteCounted = ({ name }: Oracle): void => {
    countedMs.set(name, clock.monotonicMs());
    countedAt.set({ oracle: name }, clock.nowMs() / 1000);
  };
  const bell = createBell();
  let stopping = false;
  let finished: Promise<void> = Promise.resolve();

  const count = async (oracle: Oracle): Promise<void> => {
    try {
      const { found, asOfMs } = await reconciler.differences([oracle], undefined, countedMax);
      gauge.set({ oracle: oracle.name }, found.length);
      // While a source stands still, nothing that came since is compared.
      if (clock.nowMs() - asOfMs < missedMax * everyMs) noteCounted(oracle);
      failing.delete(oracle.name);
      if (found.length > 0) logger.warn({ oracle: oracle.name, first: found[0] }, 'books differ');
    } catch (error) {
      const level = failing.has(oracle.name) ? 'debug' : 'warn';
      logger[level]({ err: error, oracle: oracle.name }, 'differences not counted');
      failing.add(oracle.name);
    }
  };

  const run = async (): Promise<void> => {
    while (!stopping) {
      await bell.wait(everyMs);
      for (const oracle of oracles) if (!stopping) await count(oracle);
    }
  };

  return {
    name: 'reconciliation',
    start: async () => {
      // Known from the beginning, as of no difference: a metric that is missing raises no alert.
      for (const oracle of oracles) {
        gauge.set({ oracle: oracle.name }, 0);
        noteCounted(oracle);
      }
      finished = run();
    },
    checkHealth: async () => {
      const oldMs = clock.monotonicMs() - missedMax * everyMs;
      const old = [...countedMs].filter(([, atMs]) => atMs < oldMs).map(([name]) => name);
      return old.length === 0
        ? { status: 'up' }
        : { status: 'degraded', detail: `not compared for long: ${old.join(', ')}` };
    },
    stop: async () => {
      stopping = true;
      bell.ring();
      await finished;
    },
  };
};
