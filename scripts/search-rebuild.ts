/**
 * `npm run search:rebuild`: makes what can be found anew from all events in Kafka. The platform may run meanwhile. Uses
 * the engines that the environment names (`DATABASE_URL`, `REDIS_URL`, `KAFKA_BROKERS`, `SCHEMA_REGISTRY_URL`), else those of the
 * platform that CARTSTREAM_RUN names or that runs in `.local`.
 */
import { existsSync } from 'node:fs';
import { trace } from '@opentelemetry/api';
import { loadConfig } from '#platform/config';
import { kafkaEnv } from '#platform/messaging/kafka-settings';
import { projectPath } from '#platform/project';
import { createHost } from '#platform/service-host';
import { createLogger } from '#platform/telemetry/logger';
import { createMetrics } from '#platform/telemetry/metrics';
import { engines, runFilePath } from '#platform/testing/engines';
import { searchConfig } from '../services/search/config.js';
import { rebuildSearch } from '../services/search/rebuild-worker.js';

const waitMsMax = 30 * 60_000;

const ofPlatform = (): Record<string, string> => {
  process.env.CARTSTREAM_RUN ||= projectPath('.local/run.json');
  if (!existsSync(runFilePath())) return {};
  const { databaseUrl, redisUrl, schemaRegistryUrl, kafka } = engines();
  return {
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    SCHEMA_REGISTRY_URL: schemaRegistryUrl,
    ...kafkaEnv(kafka),
  };
};

const config = loadConfig(searchConfig, {
  SEARCH_PORT: '0',
  USER_URL: 'http://127.0.0.1:1',
  ...ofPlatform(),
  ...process.env,
});
const host = createHost({
  service: 'search',
  logger: createLogger('search-rebuild'),
  metrics: createMetrics('search-rebuild'),
  tracer: trace.getTracer('search-rebuild'),
  onFatal: (error) => {
    throw error;
  },
});
const startedAtMs = performance.now();
try {
  const count = await rebuildSearch(host, config, waitMsMax);
  console.log(`${count} products in ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`);
} finally {
  await host.stop();
}
