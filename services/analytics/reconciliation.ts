import { z } from 'zod';
import type { ClickHouse } from '#platform/clickhouse/client';
import { PlatformError } from '#platform/errors';
import { decodeCursor, listQuery, pageFrom, pageOf } from '#platform/http/pagination';
import { problems, unavailable } from '#platform/http/problem-details';
import type { HttpApp } from '#platform/http/server';
import { staff } from '#schemas/roles';

/** The code of the promise that every record of the log is in ClickHouse. */
const lostRecords = 'O7';

const difference = z
  .object({
    oracle: z
      .string()
      .describe('The promise that is broken. O7: every record of the log is in ClickHouse, exactly once.'),
    topic: z.string(),
    partition: z.int(),
    fromOffset: z.int().describe('The first offset that was deleted from Kafka before it was ingested.'),
    toOffset: z.int().describe('The first offset after the deleted ones.'),
    count: z.int().describe('The number of deleted offsets, including transaction markers.'),
    noticedAt: z.iso.datetime(),
  })
  .meta({ id: 'ReconciliationDifference' });

type LostRange = {
  topic: string;
  partition: number;
  fromOffset: number;
  toOffset: number;
  noticedAtMs: number;
};

const position = z.tuple([z.int(), z.string(), z.int(), z.int()]);

const newestFirst = `
  SELECT topic, partition, from_offset AS fromOffset, to_offset AS toOffset,
    toUnixTimestamp64Milli(noticed_at) AS noticedAtMs
  FROM ingest_lost_ranges FINAL
  WHERE (noticedAtMs, topic, partition, fromOffset)
    < ({noticedAtMs:Int64}, {topic:String}, {partition:UInt16}, {fromOffset:UInt64})
  ORDER BY noticedAtMs DESC, topic DESC, partition DESC, fromOffset DESC
  LIMIT {rowsMax:UInt32}`;

/** A position that is greater than that of every row. */
const beforeAll: z.output<typeof position> = [Number.MAX_SAFE_INTEGER, '', 0, 0];

export const reconciliationRoutes = (app: HttpApp, clickhouse: Pick<ClickHouse, 'query'>): void => {
  app.get(
    '/api/ops/reconciliation',
    {
      access: staff,
      schema: {
        tags: ['operations'],
        summary: 'Every difference found between the log and ClickHouse, newest first.',
        description: 'An empty list means that no missing records were found.',
        querystring: z.strictObject(listQuery),
        response: { 200: pageOf(difference), ...problems(503) },
      },
    },
    async (request) => {
      const { limit, cursor } = request.query;
      const [noticedAtMs, topic, partition, fromOffset] = decodeCursor(cursor, position) ?? beforeAll;
      const rows = await clickhouse
        .query<LostRange>(newestFirst, { noticedAtMs, topic, partition, fromOffset, rowsMax: limit + 1 })
        .catch((error: unknown) => {
          if (error instanceof PlatformError && error.retriable)
            throw unavailable('analytics_unavailable', 'The differences cannot be read at the moment.');
          throw error;
        });
      const { items, next } = pageFrom(rows, limit, (last) => [
        last.noticedAtMs,
        last.topic,
        last.partition,
        last.fromOffset,
      ]);
      return { items: items.map(differenceOf), next };
    },
  );
};

const differenceOf = ({ noticedAtMs, ...range }: LostRange) => ({
  oracle: lostRecords,
  ...range,
  count: range.toOffset - range.fromOffset,
  noticedAt: new Date(noticedAtMs).toISOString(),
});
