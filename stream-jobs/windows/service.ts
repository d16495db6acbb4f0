import { createRedis } from '#platform/redis/client';
import type { Host, Service } from '#platform/service-host';
import { runWindowedJobs } from '#platform/streams/windowed-jobs';
import { records } from '#schemas/events';
import { repeatsOn } from '#schemas/repeats';
import { brokenRule } from '#schemas/value-rules';
import { type WindowsConfig, windowsConfig } from './config.js';
import { liveSink } from './live-store.js';
import { published, topicSink } from './topic-sink.js';
import { topologies } from './topologies.js';

/** One script writes at most some hundred windows. */
const redisCommandTimeoutMs = 2_000;

/** Runs the windowed jobs of `topologies.ts`: see docs/topologies.md. */
const windowsJob = async (config: WindowsConfig, host: Host): Promise<void> => {
  const redis = host.use(createRedis(host, config.redisUrl, { commandTimeoutMs: redisCommandTimeoutMs }));
  const { group, topicPrefix, fraudOrders, fraudDeclines, fraudAmountsMinor } = config;
  await runWindowedJobs(config, host, {
    group,
    topicName: (topic) => `${topicPrefix}${topic}`,
    events: records,
    brokenRule,
    publishes: published,
    topologies: (publisher) =>
      topologies(
        {
          ...config,
          fraud: { orders: fraudOrders, declines: fraudDeclines, amountsMinor: fraudAmountsMinor },
        },
        {
          live: (size) => liveSink(redis.client, size),
          visits: topicSink({ publisher, ...host }, 'Visit', ({ visit_id: id }) => id),
          searches: topicSink({ publisher, ...host }, 'Search', ({ visit_id: id }) => id),
          productPerformance: topicSink(
            { publisher, ...host },
            'ProductPerformance',
            ({ product_id: id }) => id,
          ),
          stockOuts: topicSink({ publisher, ...host }, 'StockOut', ({ order_id: id }) => id),
          fraudSignals: topicSink({ publisher, ...host }, 'FraudSignal', ({ signal_id: id }) => id),
        },
      ),
    timeOf: ({ value, occurredAt }) => {
      const times = value as { occurred_at?: number; occurredAt?: number };
      return times.occurred_at ?? times.occurredAt ?? occurredAt;
    },
    repeatsOn: (topic) => repeatsOn(topic.slice(topicPrefix.length)),
    limits: config,
  });
};

export const service: Service<WindowsConfig> = {
  name: 'windows',
  config: windowsConfig,
  build: windowsJob,
};
