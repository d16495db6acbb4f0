import { envSchema, setting } from '#platform/config';
import { engineSettings } from '#platform/engine-settings';
import { jobSettings } from '#platform/service';

const mebi = 1024 * 1024;

export const clickhouseIngestConfig = envSchema({
  ...jobSettings('clickhouse-ingest'),
  clickhouseUrl: engineSettings.clickhouseUrl,
  group: ['CLICKHOUSE_INGEST_GROUP', setting.text.default('clickhouse-ingest.blocks')],
  /** The tables to fill, separated by commas; all if empty. */
  tables: ['CLICKHOUSE_INGEST_TABLES', setting.text.default('')],
  /** Put before the names of all topics: for tests and benchmarks beside a running platform. */
  topicPrefix: ['CLICKHOUSE_INGEST_TOPIC_PREFIX', setting.text.default('')],
  blockBytesMax: [
    'CLICKHOUSE_INGEST_BLOCK_BYTES_MAX',
    setting.integer(64 * 1024, 64 * mebi).default(12 * mebi),
  ],
  blockRowsMax: ['CLICKHOUSE_INGEST_BLOCK_ROWS_MAX', setting.integer(100, 1_000_000).default(150_000)],
  /** The most bytes of blocks of several partitions that go into ClickHouse together. */
  gatheredBytesMax: [
    'CLICKHOUSE_INGEST_GATHERED_BYTES_MAX',
    setting.integer(64 * 1024, 128 * mebi).default(32 * mebi),
  ],
  /**
   * The most bytes in memory of all partitions together; beyond it fetched batches wait, and then fetching pauses. As many as
   * two inserts have, and as many that grow meanwhile.
   */
  inFlightBytesMax: [
    'CLICKHOUSE_INGEST_IN_FLIGHT_BYTES_MAX',
    setting.integer(mebi, 1024 * mebi).default(128 * mebi),
  ],
  insertsConcurrentlyMax: ['CLICKHOUSE_INGEST_INSERTS_MAX', setting.integer(1, 16).default(2)],
  fetchBytesPerPartitionMax: [
    'CLICKHOUSE_INGEST_FETCH_BYTES_MAX',
    setting.integer(64 * 1024, 32 * mebi).default(2 * mebi),
  ],
  /** With little traffic an insert costs the same for one record as for some hundred, so they are so far apart. */
  fetchSpacingMs: ['CLICKHOUSE_INGEST_FETCH_SPACING_MS', setting.integer(0, 10_000).default(150)],
});

export type ClickHouseIngestConfig = Readonly<ReturnType<typeof clickhouseIngestConfig.parse>>;
