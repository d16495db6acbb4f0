import { envSchema, setting } from '#platform/config';
import { engineSettings } from '#platform/engine-settings';
import { authSettings } from '#platform/http/auth';
import {
  idleAfterMsAsDefault,
  performanceWindowMsAsDefault,
  visitGapMsAsDefault,
} from '#schemas/window-times';

const { kafka, schemaRegistryUrl, clickhouseUrl, redisUrl } = engineSettings;

export const analyticsConfig = envSchema({
  ...authSettings,
  kafka,
  schemaRegistryUrl,
  clickhouseUrl,
  redisUrl,
  port: ['ANALYTICS_PORT', setting.port],
  /** The services and the job whose outboxes send what is analysed: they say how far they are. */
  orderUrls: ['ORDER_URL', setting.urls],
  inventoryUrls: ['INVENTORY_URL', setting.urls],
  paymentUrls: ['PAYMENT_URL', setting.urls],
  windowsUrls: ['WINDOWS_URL', setting.urls],
  /** The consumer group whose committed offsets show how far ingest is. */
  ingestGroup: ['CLICKHOUSE_INGEST_GROUP', setting.text.default('clickhouse-ingest.blocks')],
  /** That of the windowed jobs. */
  windowsGroup: ['WINDOWS_GROUP', setting.text.default('windows')],
  /** As the windowed jobs have them: how long they hold a row that they write once. */
  windowsIdleAfterMs: [
    'WINDOWS_IDLE_AFTER_MS',
    setting.integer(100, 86_400_000).default(idleAfterMsAsDefault),
  ],
  visitGapMs: ['WINDOWS_VISIT_GAP_MS', setting.integer(1_000, 86_400_000).default(visitGapMsAsDefault)],
  performanceWindowMs: [
    'WINDOWS_PERFORMANCE_WINDOW_MS',
    setting.integer(1_000, 86_400_000).default(performanceWindowMsAsDefault),
  ],
  queryTimeoutMs: ['ANALYTICS_QUERY_TIMEOUT_MS', setting.integer(100, 120_000).default(8_000)],
});

export type AnalyticsConfig = Readonly<ReturnType<typeof analyticsConfig.parse>>;
