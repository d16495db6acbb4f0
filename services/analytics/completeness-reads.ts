import { askSentUpToAge } from '#platform/outbox/sent-up-to';
import { topics } from '#schemas/topics';
import { heldMsMax, performanceTimes, visitTimes, type WindowTimes } from '#schemas/window-times';
import {
  ageOfJob,
  type CompletenessGauge,
  createCompletenessGauge,
  type GaugeOptions,
} from './completeness.js';
import type { AnalyticsConfig } from './config.js';
import type { WindowedSource } from './question.js';

type Read = Pick<GaugeOptions, 'broker' | 'clickhouse' | 'clock' | 'logger'> & {
  /** Given each gauge, which it starts and stops. */
  use(gauge: CompletenessGauge): CompletenessGauge;
};

/** How complete each set of facts is. */
export const completenessOf = (
  config: Pick<
    AnalyticsConfig,
    | 'ingestGroup'
    | 'windowsGroup'
    | 'windowsIdleAfterMs'
    | 'visitGapMs'
    | 'performanceWindowMs'
    | `${'order' | 'inventory' | 'payment' | 'windows'}Urls`
  >,
  { use, ...read }: Read,
): Record<
  'sales' | 'activity' | `${'order' | 'stock' | 'payment'}Events` | WindowedSource,
  CompletenessGauge
> => {
  const { ingestGroup, windowsGroup, windowsIdleAfterMs, visitGapMs, performanceWindowMs } = config;
  const gaugeOf = (
    { topic }: { topic: string },
    of: Partial<GaugeOptions> & { group: string },
  ): CompletenessGauge => use(createCompletenessGauge({ ...read, topic, ...of }));
  /** Whole events, of which those of several topics are in one table. */
  const eventsOf = (topic: { topic: string }, sourceAgeMs: () => Promise<number>): CompletenessGauge =>
    gaugeOf(topic, { table: 'domain_events', hasOtherTopics: true, group: ingestGroup, sourceAgeMs });
  const outboxOf = (urls: readonly string[]) => () => askSentUpToAge(urls);
  const order = outboxOf(config.orderUrls);
  const inventory = outboxOf(config.inventoryUrls);
  const windows = outboxOf(config.windowsUrls);

  const ordersRead = gaugeOf(topics.orders, { group: windowsGroup, sourceAgeMs: order });
  const stockRead = gaugeOf(topics.inventory, { group: windowsGroup, sourceAgeMs: inventory });
  const actionsRead = gaugeOf(topics.shopperActivity, { group: windowsGroup, isTimedByClients: true });
  const salesRead = gaugeOf(topics.sales, { group: windowsGroup, sourceAgeMs: order });
  /** What a windowed job computes is complete when it has read its sources, and ingest what it made of them. */
  const computedFrom = (...sources: readonly CompletenessGauge[]) => ageOfJob(read.clock, sources, windows);
  /** Of what it writes once: when it has read so far that the window is closed. */
  const closedFrom = (times: WindowTimes, ...sources: readonly CompletenessGauge[]) => {
    const ageMs = computedFrom(...sources);
    const heldMs = heldMsMax(times, windowsIdleAfterMs);
    return async () => (await ageMs()) + heldMs;
  };
  return {
    sales: gaugeOf(topics.sales, { table: 'sales', group: ingestGroup, sourceAgeMs: order }),
    activity: gaugeOf(topics.shopperActivity, {
      table: 'shopper_activity',
      isTimedByClients: true,
      group: ingestGroup,
    }),
    orderEvents: eventsOf(topics.orders, order),
    stockEvents: eventsOf(topics.inventory, inventory),
    paymentEvents: eventsOf(topics.payments, outboxOf(config.paymentUrls)),
    visits: gaugeOf(topics.visits, {
      group: ingestGroup,
      sourceAgeMs: closedFrom(visitTimes(visitGapMs), actionsRead, ordersRead),
    }),
    performance: gaugeOf(topics.productPerformance, {
      group: ingestGroup,
      sourceAgeMs: closedFrom(performanceTimes(performanceWindowMs), actionsRead, salesRead),
    }),
    stockOuts: gaugeOf(topics.stockOuts, {
      group: ingestGroup,
      sourceAgeMs: computedFrom(stockRead, ordersRead),
    }),
    fraudSignals: gaugeOf(topics.fraudSignals, {
      group: ingestGroup,
      sourceAgeMs: computedFrom(ordersRead),
    }),
  };
};
