import { envSchema, setting } from '#platform/config';
import { engineSettings } from '#platform/engine-settings';
import { jobSettings } from '#platform/service';
import { defaultWindowedLimits as limits } from '#platform/streams/windowed-limits';
import { currencies } from '#schemas/currency';
import { idleAfterMsAsDefault } from '#schemas/window-times';
import { defaultSettings } from './defaults.js';

const amounts = setting.text
  // A number alone, as it was before there was one for each currency, is that of all of them.
  .transform((text) =>
    /^\d+$/.test(text)
      ? currencies.map((currency) => [currency, text])
      : text.split(',').map((each) => each.trim().split(':')),
  )
  .refine(
    (pairs) =>
      pairs.every(
        ([currency = '', minor = '', more]) =>
          currencies.includes(currency) && /^[1-9]\d{0,12}$/.test(minor) && more === undefined,
      ),
    'must be amounts in minor units by currency, separated by commas, as GBP:500000,JPY:1000000',
  )
  .transform(
    (pairs): Readonly<Record<string, number>> =>
      Object.fromEntries(pairs.map(([currency, minor]) => [currency, Number(minor)])),
  );

export const windowsConfig = envSchema({
  ...jobSettings('windows'),
  redisUrl: engineSettings.redisUrl,
  databaseUrl: engineSettings.databaseUrl,
  /** Its database, for the state of the windows, is `cartstream_<this>`. */
  database: ['WINDOWS_DATABASE', setting.text.default('windows')],
  group: ['WINDOWS_GROUP', setting.text.default('windows')],
  /** Put before the names of all topics: for tests and benchmarks beside a running platform. */
  topicPrefix: ['WINDOWS_TOPIC_PREFIX', setting.text.default('')],
  recordsPerCheckpointMax: [
    'WINDOWS_RECORDS_PER_CHECKPOINT_MAX',
    setting.integer(100, 10_000_000).default(limits.recordsPerCheckpointMax),
  ],
  checkpointEveryMs: [
    'WINDOWS_CHECKPOINT_EVERY_MS',
    setting.integer(50, 60_000).default(limits.checkpointEveryMs),
  ],
  /** A partition without records for so long does not hold the watermark. */
  idleAfterMs: ['WINDOWS_IDLE_AFTER_MS', setting.integer(100, 86_400_000).default(idleAfterMsAsDefault)],
  /** A visit ends after so long without an action. */
  visitGapMs: [
    'WINDOWS_VISIT_GAP_MS',
    setting.integer(1_000, 86_400_000).default(defaultSettings.visitGapMs),
  ],
  /** The length of the windows of product-performance: an hour, or shorter for tests. */
  performanceWindowMs: [
    'WINDOWS_PERFORMANCE_WINDOW_MS',
    setting.integer(1_000, 86_400_000).default(defaultSettings.performanceWindowMs),
  ],
  /** So many orders of a buyer within ten minutes are a signal of fraud. */
  fraudOrders: ['WINDOWS_FRAUD_ORDERS', setting.integer(2, 40).default(defaultSettings.fraud.orders)],
  fraudDeclines: ['WINDOWS_FRAUD_DECLINES', setting.integer(1, 40).default(defaultSettings.fraud.declines)],
  /** So is an order of so much, in minor units: `GBP:500000,JPY:1000000`. In a currency that is not named none is. */
  fraudAmountsMinor: ['WINDOWS_FRAUD_AMOUNT_MINOR', amounts.default(defaultSettings.fraud.amountsMinor)],
});

export type WindowsConfig = Readonly<ReturnType<typeof windowsConfig.parse>>;
