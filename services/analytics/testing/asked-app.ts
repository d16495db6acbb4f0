import { randomUUID } from 'node:crypto';
import type { ClickHouse } from '#platform/clickhouse/client';
import type { Authenticator } from '#platform/http/auth';
import { createHttpServer } from '#platform/http/server';
import { handClock } from '#platform/testing/hand-clock';
import { testLogger } from '#platform/testing/logged-errors';
import { scratchClickHouse } from '#platform/testing/scratch-clickhouse';
import { testHost } from '#platform/testing/test-host';
import type { Experiment } from '#schemas/experiments';
import type { Role } from '#schemas/roles';
import { createAnswers } from '../answers.js';
import {
  type AskingAtTurn,
  type CostLimits,
  costLimits,
  sumQueries,
  withinCost,
} from '../clickhouse-calls.js';
import { experimentRoutes } from '../experiment-routes.js';
import { createFigures } from '../figures.js';
import { createGatheredRows } from '../gathered-rows-store.js';
import { analyticsRoutes } from '../routes.js';

export type SaleLine = {
  orderId: string;
  line: number;
  productId: string;
  category?: string;
  userId?: string | null;
  quantity: number;
  amountMinor: number;
  currency: string;
  kind: 'sale' | 'refund';
  atMs: number;
};

export type Activity = {
  type: string;
  visitId: string;
  userId?: string | null;
  productId?: string | null;
  query?: string | null;
  position?: number | null;
  recommendationId?: string | null;
  /** How many products a search found. */
  results?: number | null;
  device?: string | null;
  atMs: number;
};

/** A visit that has ended; `atMs` is its last action. */
export type EndedVisit = {
  visitId: string;
  userId: string | null;
  device: string | null;
  startedMs: number;
  entryProductId: string | null;
  exitProductId: string | null;
  actions: number;
  orders: number;
  isAbandoned: boolean;
  atMs: number;
};

/** What happened with a product in an hour, in one currency or, without one, by shoppers. */
export type ProductHour = {
  productId: string;
  currency: string | null;
  views: number;
  adds: number;
  removes: number;
  lines: number;
  units: number;
  grossMinor: number;
  returnedUnits: number;
  refundedMinor: number;
  lowestPriceMinor: number | null;
  highestPriceMinor: number | null;
  atMs: number;
};

/** Takes the bearer token for the caller's role. */
const auth: Authenticator = {
  principalOf: async (header) =>
    header === undefined
      ? { kind: 'anonymous' }
      : { kind: 'user', userId: 'user', roles: [header.replace('Bearer ', '') as Role] },
};

const textOf = (atMs: number): string => new Date(atMs).toISOString().slice(0, 23).replace('T', ' ');

/** Rows as ingest writes them. */
const insertsInto = (clickhouse: ClickHouse, nowMs: number) => {
  let offset = 0;
  const placed = (atMs: number) => {
    offset += 1;
    return {
      kafka_partition: offset % 3,
      kafka_offset: offset,
      event_id: randomUUID(),
      occurred_at: textOf(atMs),
    };
  };
  return {
    insertSales: (lines: readonly SaleLine[]): Promise<void> =>
      clickhouse.insertRows(
        'sales',
        lines.map((line) => ({
          ...placed(line.atMs),
          order_id: line.orderId,
          line: line.line,
          product_id: line.productId,
          category: line.category ?? 'home',
          user_id: line.userId ?? null,
          quantity: line.quantity,
          amount_minor: line.amountMinor,
          currency: line.currency,
          kind: line.kind,
        })),
      ),
    insertActivity: (events: readonly Activity[]): Promise<void> =>
      clickhouse.insertRows(
        'shopper_activity',
        events.map((event) => ({
          ...placed(event.atMs),
          type: event.type,
          visit_id: event.visitId,
          user_id: event.userId ?? null,
          product_id: event.productId ?? null,
          query: event.query ?? null,
          position: event.position ?? null,
          recommendation_id: event.recommendationId ?? null,
          results: event.results ?? null,
          device: event.device ?? null,
        })),
      ),
    insertVisits: (visits: readonly EndedVisit[]): Promise<void> =>
      clickhouse.insertRows(
        'visits',
        visits.map((visit) => ({
          ...placed(visit.atMs),
          visit_id: visit.visitId,
          user_id: visit.userId,
          device: visit.device,
          started_at: textOf(visit.startedMs),
          entry_product_id: visit.entryProductId,
          exit_product_id: visit.exitProductId,
          path: '',
          actions: visit.actions,
          orders: visit.orders,
          abandoned: visit.isAbandoned,
        })),
      ),
    insertProductHours: (hours: readonly ProductHour[]): Promise<void> =>
      clickhouse.insertRows(
        'product_performance',
        hours.map((hour) => ({
          ...placed(hour.atMs),
          product_id: hour.productId,
          currency: hour.currency,
          from_at: textOf(hour.atMs - (hour.atMs % 3_600_000)),
          views: hour.views,
          adds: hour.adds,
          removes: hour.removes,
          lines: hour.lines,
          units: hour.units,
          gross_minor: hour.grossMinor,
          returned_units: hour.returnedUnits,
          refunded_minor: hour.refundedMinor,
          lowest_price_minor: hour.lowestPriceMinor,
          highest_price_minor: hour.highestPriceMinor,
        })),
      ),
    insertPlaced: (
      orders: readonly { orderId: string; visitId: string | null; atMs: number }[],
    ): Promise<void> =>
      clickhouse.insertRows(
        'domain_events',
        orders.map(({ orderId, visitId, atMs }) => ({
          ...placed(atMs),
          topic: 'orders',
          key: orderId,
          type: 'OrderPlaced',
          correlation_id: orderId,
          causation_id: '',
          payload: JSON.stringify({ orderId, visitId }),
          payload_bytes: 1,
        })),
      ),
    insertProducts: (products: readonly { productId: string; name: string; category?: string }[]) =>
      clickhouse.insertRows(
        'products',
        products.map(({ productId, name, category = 'home' }) => ({
          ...placed(nowMs),
          product_id: productId,
          version: 1,
          name,
          category,
          brand: null,
          price_minor: 100,
          currency: 'EUR',
          active: true,
          created_at: 0,
        })),
      ),
  };
};

/** The analytics over a database of the test's own. The test says by `change` that its data are others now. */
export const askedApp = async (
  nowMs: number,
  limits: CostLimits = costLimits,
  experiments: () => readonly Experiment[] = () => [],
) => {
  const { clickhouse, drop } = await scratchClickHouse();
  const clock = handClock(nowMs);
  let version = 0;
  const completeness = {
    read: async () => ({ asOfMs: clock.nowMs() - 5_000, lagMs: 5_000, version: String(version) }),
  };
  const gatheredOf = (rowsMin: number) =>
    createGatheredRows({ clickhouse, clock, logger: testLogger('analytics'), rowsMin, servedMsMax: 0 });
  let gathered: ReturnType<typeof gatheredOf> | undefined;
  let areOrdersRead = true;
  const questions = withinCost(clickhouse, sumQueries, limits);
  let statements: string[] = [];
  const noted: AskingAtTurn = {
    ask: (statementOf) =>
      questions.ask(async () => {
        const statement = await statementOf();
        statements.push(statement.sql);
        return statement;
      }),
  };
  const answers = createAnswers({
    clickhouse: noted,
    completeness,
    clock,
    gathered: {
      visits: { current: async () => gathered?.visits.current() },
      orders: { current: async () => (areOrdersRead ? gathered?.orders.current() : undefined) },
    },
  });
  const { app } = createHttpServer(testHost('analytics'), { port: 0, title: 'analytics', auth });
  analyticsRoutes(app, {
    figures: createFigures(answers, clock),
    answers: {
      sales: answers,
      activity: answers,
      salesAndActivity: answers,
      salesActivityAndOrders: answers,
      visits: answers,
      performance: answers,
      stockOuts: answers,
      fraudSignals: answers,
    },
    clock,
  });
  experimentRoutes(app, { experiments, answers, clock });
  const ask = async (
    path: string,
    { accept, role = 'analyst', body }: { accept?: string; role?: string; body?: unknown } = {},
  ) => {
    const answer = await app.inject({
      method: body === undefined ? 'GET' : 'POST',
      url: new URL(`/api/analytics/${path}`, 'http://shop').href.slice('http://shop'.length),
      headers: {
        ...(role === '' ? {} : { authorization: `Bearer ${role}` }),
        ...(accept === undefined ? {} : { accept }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    return { status: answer.statusCode, headers: answer.headers, text: answer.body };
  };

  return {
    clickhouse,
    clock,
    drop,
    ask,
    /** The rows of an answer that has to be 200. */
    items: async <Row = Record<string, unknown>>(path: string, body?: unknown): Promise<Row[]> => {
      const { status, text } = await ask(path, { body });
      if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
      return JSON.parse(text).items;
    },
    change: (): void => {
      version += 1;
    },
    /** Makes a batch of visits and one of orders of what is in no batch yet. */
    gather: async (): Promise<void> => {
      const { visits, orders } = gatheredOf(1);
      await Promise.all([visits.extend(), orders.extend()]);
    },
    /** From now on questions are answered from gathered rows, or from raw rows, or orders from raw and visits from gathered ones. */
    readGathered: (isGathered: boolean, { areOrdersToo = true } = {}): void => {
      version += 1;
      statements = [];
      areOrdersRead = areOrdersToo;
      gathered = isGathered ? gatheredOf(Number.POSITIVE_INFINITY) : undefined;
    },
    /** What ClickHouse was asked for answers since the last `readGathered`. */
    statements: (): readonly string[] => statements,
    ...insertsInto(clickhouse, nowMs),
  };
};

export type AskedApp = Awaited<ReturnType<typeof askedApp>>;
