import { runService } from '#platform/service-host';
import { clickhouseIngestConfig } from './config.js';
import { clickhouseIngest } from './service.js';

await runService({ name: 'clickhouse-ingest', config: clickhouseIngestConfig, build: clickhouseIngest });
