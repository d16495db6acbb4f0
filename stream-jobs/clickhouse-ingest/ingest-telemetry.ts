import type { Host } from '#platform/service-host';
import { contextFromTraceparent, SpanKind, startSpan } from '#platform/telemetry/tracing';
import type { Ingested } from './block-insert.js';
import type { Feed } from './feeds.js';

export type IngestTelemetry = {
  onIngested(ingested: Ingested): void;
  /**
   * Reports `kafka_consumer_lag` of these partitions at every scrape: records that are in Kafka and not in ClickHouse
   * yet. Returns a function that ends the reporting.
   */
  watchLag(lags: () => readonly PartitionLag[]): () => void;
  onDifference(feed: Feed, count: number): void;
  /** Counts records that Kafka deleted before they were ingested. */
  onLost(feed: Feed, partition: number, records: number): void;
};

export type PartitionLag = { topic: string; partition: number; records: number };

const job = 'clickhouse-ingest';

export const ingestTelemetry = (
  host: Pick<Host, 'metrics' | 'tracer' | 'logger'>,
  group: string,
): IngestTelemetry => {
  const rows = host.metrics.counter('clickhouse_rows_inserted_total', 'Rows acknowledged by ClickHouse', [
    'table',
  ]);
  const lag = host.metrics.gauge(
    'stream_event_lag_seconds',
    'From the newest record of the last block being in Kafka to its being in ClickHouse',
    ['job'],
  );
  const blockRows = host.metrics.histogram(
    'clickhouse_ingest_block_rows',
    'Rows of a block',
    ['table'],
    [1, 10, 100, 1_000, 10_000, 50_000, 100_000, 200_000],
  );
  const differences = host.metrics.counter(
    'reconciliation_differences_total',
    'Rows or rollup cells found missing or doubled after a fault, and mended',
    ['oracle'],
  );
  const lost = host.metrics.counter(
    'clickhouse_ingest_records_lost_total',
    'Offsets that Kafka had deleted before their records were ingested',
    ['topic', 'partition'],
  );
  return {
    onIngested: (ingested) => {
      const { feed, newestMs, insertedAtMs } = ingested;
      if (ingested.rows > 0) {
        rows.inc({ table: feed.table }, ingested.rows);
        blockRows.observe({ table: feed.table }, ingested.rows);
        lag.set({ job }, Math.max(0, insertedAtMs - newestMs) / 1000);
      }
      traceIngested(host.tracer, ingested);
    },
    watchLag: lagWatch(host.metrics, group),
    onLost: (feed, partition, records) => lost.inc({ topic: feed.topic, partition }, records),
    onDifference: (feed, count) => {
      differences.inc({ oracle: `ingest ${feed.table}` }, count);
      host.logger.error({ table: feed.table, count }, 'clickhouse did not hold what it should, mended');
    },
  };
};

const lagWatch = (metrics: Host['metrics'], group: string): IngestTelemetry['watchLag'] => {
  // A record counts as handled when ClickHouse has it, not when its batch was accepted.
  const behind = metrics.gauge('kafka_consumer_lag', 'Records of a partition not handled yet', [
    'topic',
    'partition',
    'group',
  ]);
  return (lags) => {
    let shown: readonly PartitionLag[] = [];
    const clear = (): void => {
      for (const { topic, partition } of shown) behind.remove({ topic, partition, group });
    };
    const stop = metrics.beforeRender(() => {
      clear();
      shown = lags();
      for (const { topic, partition, records } of shown) behind.set({ topic, partition, group }, records);
    });
    return () => {
      stop();
      clear();
    };
  };
};

/** Writes one span for each record whose trace is recorded. The trace context comes from the record's headers. */
const traceIngested = (tracer: Host['tracer'], ingested: Ingested): void => {
  const { feed, partition, closedAtMs, insertedAtMs } = ingested;
  for (const { traceparent, appendedAtMs } of ingested.traceparents) {
    const { span } = startSpan(`ingest ${feed.topic}`, {
      kind: SpanKind.CONSUMER,
      tracer,
      parent: contextFromTraceparent(traceparent),
      startedAtMs: appendedAtMs,
      attributes: {
        'messaging.system': 'kafka',
        'messaging.destination.name': feed.topic,
        'messaging.kafka.partition': partition,
        'clickhouse.table': feed.table,
        'clickhouse.block.rows': ingested.rows,
        'clickhouse.block.waited_ms': closedAtMs - appendedAtMs,
      },
    });
    span.end(insertedAtMs);
  }
};
