import { parseArgs } from 'node:util';
import { createClickHouse } from '#platform/clickhouse/client';
import { PlatformError } from '#platform/errors';
import { openBroker } from '#platform/messaging/open-broker';
import { createSchemaRegistry } from '#platform/messaging/schema-registry';
import { createLogger } from '#platform/telemetry/logger';
import type { ClickHouseIngestConfig } from '../config.js';
import { feedsOf } from '../service.js';
import { hasTypedWords } from '../typed-words-store.js';
import { backfill, type Progress, type Summary } from './backfill.js';
import type { Request } from './plan.js';

export const usage = `usage: backfill --table NAME [--from TIME] [--to TIME] [--offsets PARTITION:FROM-TO,…] [--again] [--drop-old]
  --from, --to   ISO times: records that occurred in between; without them, everything that Kafka has
  --offsets      0:1000-2000,1:500- in place of times; the other partitions are copied
  --again        drops what an unfinished back-fill of the table has
  --drop-old     drops the old tables after the exchange; those with words that shoppers typed are dropped in any case`;

type Arguments = { request: Request; again: boolean; dropOld: boolean };

/** Throws `configuration_invalid` where the arguments make no sense. */
export const readArguments = (args: readonly string[]): Arguments => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      table: { type: 'string' },
      from: { type: 'string' },
      to: { type: 'string' },
      offsets: { type: 'string' },
      again: { type: 'boolean', default: false },
      'drop-old': { type: 'boolean', default: false },
    },
  });
  const { table, from, to, offsets } = values;
  if (table === undefined) throw wrong('--table is missing');
  const request = {
    table,
    fromMs: from === undefined ? null : timeOf(from),
    toMs: to === undefined ? null : timeOf(to),
    offsets: offsets === undefined ? null : offsetsOf(offsets),
  };
  if (request.offsets !== null && (from !== undefined || to !== undefined))
    throw wrong('--offsets stands in place of --from and --to');
  if (request.fromMs !== null && request.toMs !== null && request.fromMs >= request.toMs)
    throw wrong('--from is not before --to');
  // Nobody would take the words of a person who is erased later out of a table that was put away.
  return { request, again: values.again, dropOld: values['drop-old'] || hasTypedWords(table) };
};

const wrong = (message: string): PlatformError =>
  new PlatformError('configuration_invalid', message, { retriable: false });

const timeOf = (text: string): number => {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw wrong(`${text} is no time, such as 2026-11-28T00:00:00Z`);
  return ms;
};

const offsetsOf = (text: string): NonNullable<Request['offsets']> =>
  Object.fromEntries(
    text.split(',').map((part) => {
      const [, partition, from, to] = /^(\d{1,5}):(\d{1,15})-(\d{0,15})$/.exec(part) ?? [];
      if (partition === undefined || from === undefined)
        throw wrong(`${part} is no range of offsets, such as 0:1000-2000`);
      return [partition, { from: Number(from), to: to === '' ? null : Number(to) }];
    }),
  );

/** Runs a back-fill with the settings of the ingest. */
export const runBackfill = async (
  config: ClickHouseIngestConfig,
  { request, again, dropOld }: Arguments,
  onProgress: (progress: Progress) => void,
): Promise<Summary> => {
  const logger = createLogger('backfill', { level: 'warn' });
  const clickhouse = createClickHouse({ url: config.clickhouseUrl, requestTimeoutMs: 600_000 });
  try {
    const summary = await backfill({
      request,
      again,
      feeds: feedsOf(config),
      group: config.group,
      broker: openBroker(config.kafka, { clientId: 'backfill', logger }),
      // The ingest has waited for every schema already.
      registry: createSchemaRegistry(config.schemaRegistryUrl, { unknownHeldMs: 2_000 }),
      clickhouse,
      clickhouseUrl: config.clickhouseUrl,
      logger,
      onProgress,
    });
    if (dropOld) await clickhouse.command(`DROP DATABASE ${summary.oldDatabase} SYNC`);
    return summary;
  } finally {
    await clickhouse.stop();
  }
};
