import { runService } from '#platform/service-host';
import { clickhouseIngestConfig } from './config.js';
import { clickhouseIngest } from './service.js';

await runService('clickhouse-ingest', clickhouseIngestConfig, clickhouseIngest);
