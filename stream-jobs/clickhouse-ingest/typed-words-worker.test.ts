import { expect, it } from 'vitest';
import { testHost } from '#platform/testing/test-host';
import { createTypedWordsEraser } from './typed-words-worker.js';

it('stops while ClickHouse does not answer, so that the ingest behind it is stopped too', async () => {
  const host = testHost('clickhouse-ingest');
  let asked = () => {};
  const hasAsked = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const query = () => {
    asked();
    return new Promise<never>(() => {});
  };
  let isStopped = false;
  const stop = async () => {
    isStopped = true;
  };
  host.use({ name: 'ingest', start: async () => {}, stop });
  host.use(createTypedWordsEraser(host, { query, command: query, database: 'shop' }));
  await host.start();
  await hasAsked;
  await host.stop();
  expect(isStopped).toBe(true);
}, 10_000);
