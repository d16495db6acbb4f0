import { createClickHouse } from '#platform/clickhouse/client';

/** The active parts of the platform's table that has most of them. */
export const mostParts = async (clickhouseUrl: string): Promise<number> => {
  const clickhouse = createClickHouse({ url: clickhouseUrl });
  try {
    const [row] = await clickhouse.query<{ parts: number }>(
      "SELECT max(parts) AS parts FROM (SELECT count() AS parts FROM system.parts WHERE active AND database != 'system' GROUP BY database, table)",
    );
    return row?.parts ?? 0;
  } finally {
    await clickhouse.stop();
  }
};
