import { createClient } from '@clickhouse/client';
import { afterAll, describe, expect, it } from 'vitest';
import { engines } from '#platform/testing/engines';

const client = createClient({ url: engines().clickhouseUrl });
afterAll(() => client.close());

describe('the embedded ClickHouse', () => {
  it('answers a query', async () => {
    const rows = await (await client.query({ query: 'SELECT 1 AS one', format: 'JSONEachRow' })).json();
    expect(rows).toEqual([{ one: 1 }]);
  });
});
