import { createClickHouse } from '#platform/clickhouse/client';
import type { BrokerAdmin } from '#platform/messaging/broker';
import { openBroker } from '#platform/messaging/open-broker';
import { createSchemaRegistry } from '#platform/messaging/schema-registry';
import { createLogger } from '#platform/telemetry/logger';
import { engines, runFileVariable } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { records } from '#schemas/events';
import { topics } from '#schemas/topics';
import {
  differencesFrom,
  endOffsets,
  hasReached,
  letterDifferences,
  readTruth,
  rollupDifferences,
  schemaIdsOf,
  startIngestLoad,
  type Truth,
} from './ingest-load.js';

export type Ends = { shopperActivity: ReadonlyMap<number, bigint>; sales: ReadonlyMap<number, bigint> };

/** Load on the topics of a running platform's clickhouse-ingest, and checks of its rows. */
export type IngestUnderLoad = {
  /** Where the topics end now. Rejects while the broker is away. */
  ends(): Promise<Ends>;
  /** True when ClickHouse has everything below `upTo`. Rejects while the broker is away. */
  isGone(upTo: Ends): Promise<boolean>;
  /** Records below `upTo` that ClickHouse does not have. */
  behind(upTo: Ends): Promise<number>;
  /** Answers a statement; rejects while ClickHouse is away. */
  askClickHouse(): Promise<unknown>;
  /** Ends the load, waits for the rest, and compares every row and rollup with the log. */
  finish(): Promise<{ activity: Truth; sales: Truth; differences: string[] }>;
};

const group = 'clickhouse-ingest.blocks';
const waitMsMax = 60_000;
const names = { shopperActivity: topics.shopperActivity.topic, sales: topics.sales.topic };

/** `runFile`: of the platform that runs. */
export const putIngestUnderLoad = async (
  runFile: string,
  rate: { activityPerSecond: number; salesPerSecond: number },
): Promise<IngestUnderLoad> => {
  const urls = engines({ [runFileVariable]: runFile });
  const broker = openBroker(urls.kafka, {
    clientId: 'load',
    logger: createLogger('load', { level: 'fatal' }),
  });
  const clickhouse = createClickHouse({ url: urls.clickhouseUrl });
  let admin = await broker.admin();
  /** An admin whose broker was away may not reconnect, so a new one is opened. */
  const withAdmin = async <T>(work: (open: BrokerAdmin) => Promise<T>): Promise<T> => {
    try {
      return await work(admin);
    } catch (error) {
      await admin.close().catch(() => {});
      admin = await broker.admin();
      throw error;
    }
  };
  const ends = async (): Promise<Ends> => ({
    shopperActivity: await withAdmin((open) => endOffsets(open, names.shopperActivity)),
    sales: await withAdmin((open) => endOffsets(open, names.sales)),
  });
  const isGone = async (upTo: Ends): Promise<boolean> =>
    (await withAdmin((open) => hasReached(open, group, names.shopperActivity, upTo.shopperActivity))) &&
    (await withAdmin((open) => hasReached(open, group, names.sales, upTo.sales)));
  const behindIn = async (topic: string, upTo: ReadonlyMap<number, bigint>): Promise<number> => {
    const committed = await withAdmin((open) => open.committedOffsets(group, topic));
    return committed.reduce((sum, { partition, nextOffset }) => {
      const left = (upTo.get(partition) ?? 0n) - (nextOffset ?? 0n);
      return sum + Math.max(0, Number(left));
    }, 0);
  };

  const schemaIds = await schemaIdsOf(createSchemaRegistry(urls.schemaRegistryUrl), names);
  const from = await ends();
  await eventually(() => isGone(from), { timeoutMs: waitMsMax, message: 'what was there before to be in' });
  const load = await startIngestLoad({ broker, topics: names, schemaIds, ...rate, poisonPerMille: 1 });

  return {
    ends,
    isGone,
    behind: async (upTo) =>
      (await behindIn(names.shopperActivity, upTo.shopperActivity)) +
      (await behindIn(names.sales, upTo.sales)),
    askClickHouse: () => clickhouse.query('SELECT 1'),
    finish: async () => {
      await load.stop();
      const last = await eventually(ends, { timeoutMs: waitMsMax });
      await eventually(() => isGone(last), {
        timeoutMs: waitMsMax,
        message: 'the last of the backlog to go',
      });
      const truthOf = (topic: keyof Ends, schemaId: number, schema: object) =>
        readTruth(broker, names[topic], schemaId, schema, from[topic], last[topic]);
      const activity = await truthOf('shopperActivity', schemaIds.activity, records.ShopperActivity.schema);
      const sales = await truthOf('sales', schemaIds.sale, records.Sale.schema);
      const lettersOf = (truth: Truth, topic: keyof Ends) =>
        withAdmin((open) =>
          letterDifferences(broker, open, { topic: names[topic], group }, truth, from[topic]),
        );
      const differences = [
        ...(await differencesFrom(clickhouse, 'shopper_activity', activity, from.shopperActivity)),
        ...(await differencesFrom(clickhouse, 'sales', sales, from.sales)),
        ...(await rollupDifferences(clickhouse)),
        ...(await lettersOf(activity, 'shopperActivity')),
        ...(await lettersOf(sales, 'sales')),
      ];
      await clickhouse.stop();
      await admin.close();
      return { activity, sales, differences };
    },
  };
};
