import { once } from 'node:events';
import { expect, it, type TestContext } from 'vitest';
import { newId } from '#platform/ids';
import { connectBroker } from '#platform/messaging/connect-broker';
import { projectPath } from '#platform/project';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { testHost } from '#platform/testing/test-host';
import { topics } from '#schemas/topics';
import { edgeEvents } from './testing/expected-rows.js';
import type { ShopEvent } from './testing/shop-events.js';
import {
  createJobTopics,
  createShopProducer,
  databaseOf,
  dropJobDatabase,
  readTopics,
  startJobProcess,
} from './testing/windows-job.js';

/** Topics with so many partitions each, and the jobs that read them as a process. */
const setUp = async ({ onTestFinished }: TestContext, partitions: number) => {
  const broker = connectBroker(testHost(), engines().kafka);
  const admin = await broker.admin();
  const prefix = `backlog-${newId()}-`;
  const place = { prefix, group: prefix, database: databaseOf(prefix), redisUrl: engines().redisUrl };
  const names = await createJobTopics(admin, prefix, partitions);
  const shop = await createShopProducer(broker, prefix);
  const ending: (() => Promise<unknown>)[] = [];
  onTestFinished(async () => {
    await Promise.all(ending.map((end) => end()));
    await shop.close();
    await admin.deleteTopics(names);
    await admin.close();
    await dropJobDatabase(place.database);
  }, 60_000);
  return {
    send: async (events: readonly (ShopEvent & { partition: number })[]) => {
      for (const event of events) await shop.send([event], event.partition);
    },
    start: (settings: Readonly<Record<string, string>> = {}) => {
      const job = startJobProcess(place, [projectPath('dist/stream-jobs/windows/main.js')], {
        LOG_LEVEL: 'warn',
        ...settings,
      });
      job.stdout?.pipe(process.stderr);
      const ended = once(job, 'exit');
      ending.push(async () => {
        job.kill('SIGKILL');
        await ended;
      });
      return {
        /** Resolves to its exit code. */
        stop: async (): Promise<unknown> => {
          job.kill('SIGTERM');
          return (await ended)[0];
        },
      };
    },
    /** So many records of a topic are committed, of all its partitions together. */
    committedBecomes: (topic: string, count: number) =>
      eventually(
        async () => {
          const places = await admin.committedOffsets(prefix, prefix + topic);
          expect(places.reduce((sum, { nextOffset }) => sum + Number(nextOffset ?? 0n), 0)).toBe(count);
        },
        { timeoutMs: 90_000 },
      ),
  };
};

const minuteMs = 60_000;

it('of more partitions than are handled elsewhere at a time is read, though each waits for all the others', async (context) => {
  const partitions = 17;
  const { send, start, committedBecomes } = await setUp(context, partitions);
  await send(edgeEvents(Date.now() - 60 * minuteMs, 'old', partitions));
  await start();
  for (const { topic } of readTopics) await committedBecomes(topic, partitions);
}, 180_000);

it('does not hold a process that is to stop, where one partition is far ahead of the others', async (context) => {
  const { send, start, committedBecomes } = await setUp(context, 1);
  const fromMs = Date.now() - 60 * minuteMs;
  const [ahead] = edgeEvents(fromMs + 30 * minuteMs, 'ahead', 1);
  const next = edgeEvents(fromMs + 1_000, 'next', 1).filter(({ type }) => type === 'Sale');
  await send(edgeEvents(fromMs, 'first', 1));
  // A quiet partition is waited for, as one is that has records left.
  const job = start({ WINDOWS_IDLE_AFTER_MS: '3600000' });
  for (const { topic } of readTopics) await committedBecomes(topic, 1);
  await send([ahead as (typeof next)[number], ...next]);
  // It was sent behind the one that waits, so that one has been read too.
  await committedBecomes(topics.sales.topic, 2);
  await committedBecomes(topics.shopperActivity.topic, 1);
  expect(await job.stop()).toBe(0);
}, 180_000);
