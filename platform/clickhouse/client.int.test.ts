import { expect, it } from 'vitest';
import { engines } from '#platform/testing/engines';
import { createClickHouse } from './client.js';

it('is up while its statements take all of its connections', async ({ onTestFinished }) => {
  const clickhouse = createClickHouse({ url: engines().clickhouseUrl, connectionsMax: 1 });
  onTestFinished(() => clickhouse.stop());
  const statement = clickhouse.query('SELECT sleep(2.9)');
  expect(await clickhouse.checkHealth?.()).toEqual({ status: 'up' });
  await statement;
});

it('is down where nobody answers', async ({ onTestFinished }) => {
  const clickhouse = createClickHouse({ url: 'http://127.0.0.1:1' });
  onTestFinished(() => clickhouse.stop());
  expect(await clickhouse.checkHealth?.()).toMatchObject({ status: 'down' });
});
