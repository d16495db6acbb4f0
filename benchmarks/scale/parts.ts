import type { ClickHouse } from '#platform/clickhouse/client';

/** The active parts of the platform's table that has most of them. */
export const mostParts = async (clickhouse: Pick<ClickHouse, 'query'>): Promise<number> => {
  const [row] = await clickhouse.query<{ parts: number }>(
    "SELECT max(parts) AS parts FROM (SELECT count() AS parts FROM system.parts WHERE active AND database != 'system' GROUP BY database, table)",
  );
  return row?.parts ?? 0;
};
