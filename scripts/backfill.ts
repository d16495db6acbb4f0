/**
 * `npm run backfill -- --table sales`: fills a table of ClickHouse and its rollups anew from Kafka while everything runs,
 * on the platform that CARTSTREAM_RUN names or that runs in `.local`, or else on the engines that the usual variables
 * name. See docs/run-book.md.
 */
import { existsSync, readFileSync } from 'node:fs';
import { projectPath } from '#platform/project';

const runFile = process.env.CARTSTREAM_RUN ?? projectPath('.local/run.json');
if (process.env.KAFKA_BROKERS === undefined && existsSync(runFile)) {
  const run = JSON.parse(readFileSync(runFile, 'utf8')) as Record<string, string>;
  process.env.KAFKA_BROKERS = run.kafka;
  process.env.SCHEMA_REGISTRY_URL = run.schemaRegistry;
  process.env.CLICKHOUSE_URL = run.clickhouse;
  for (const [variable, name] of [
    ['KAFKA_SASL_MECHANISM', 'kafkaSaslMechanism'],
    ['KAFKA_SASL_USERNAME', 'kafkaSaslUsername'],
    ['KAFKA_SASL_PASSWORD', 'kafkaSaslPassword'],
  ] as const)
    if (run[name] !== undefined) process.env[variable] = run[name];
}
process.env.CLICKHOUSE_INGEST_PORT ??= '0';
await import('../stream-jobs/clickhouse-ingest/backfill/main.js');
