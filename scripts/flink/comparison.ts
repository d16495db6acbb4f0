import { isDeepStrictEqual } from 'node:util';
import { newId } from '#platform/ids';
import type { Broker } from '#platform/messaging/broker';
import { connectBroker } from '#platform/messaging/connect-broker';
import { engines } from '#platform/testing/engines';
import { testHost } from '#platform/testing/test-host';
import { writeResults } from '../../benchmarks/results.js';
import { table, thousands } from '../../benchmarks/terminal.js';
import type { Sale } from '../../schemas/events.js';
import { lateEvents, type ShopEvent, shopEvents } from '../../stream-jobs/windows/testing/shop-events.js';
import { createJobTopics, createShopProducer } from '../../stream-jobs/windows/testing/windows-job.js';
import { installFlink } from './local-flink.js';
import type { Measured } from './measured.js';
import { pairsOf, runOurs } from './our-rows.js';
import { runTheirs } from './twin-rows.js';

const visitGapSeconds = 20;
const performanceWindowSeconds = 60;
const visitsAtATime = 50;
const eventsPerVisit = 8;
/** So long ago that all windows close by the clock while the comparison runs. */
const agoMs = 25 * 60_000;
const lateShare = 0.01;
/** After so much of the other events the late ones come: by then each source has a watermark. */
const lateAfterShare = 0.8;

/** The jobs that stream-jobs/windows has, too: their CPU time is compared. */
const windowed = ['live-metrics', 'visits', 'product-performance'];

/** True when both have the same rows. Prints the CPU time of both without their starts: for Flink, that of empty jobs. */
export const compareWithFlink = async (count: number): Promise<boolean> => {
  const flink = installFlink();
  const broker = connectBroker(testHost('compare'), engines().kafka);
  const admin = await broker.admin();
  const settings = { prefix: `flink-${newId()}-`, visitGapSeconds, performanceWindowSeconds };
  const emptyPrefix = `flink-${newId()}-`;
  // One partition each, so that the order of the records, and with it what is late, is the same for both.
  const names = [
    ...(await createJobTopics(admin, settings.prefix, 1)),
    ...(await createJobTopics(admin, emptyPrefix, 1)),
  ];
  try {
    const { events, late } = eventsOf(count);
    await send(broker, settings.prefix, events, late);
    const sent = events.length + late.length;
    const ours = await runOurs(broker, admin, { ...settings, sent });
    const theirs = await runTheirs(flink, windowed, settings);
    const nothing = await runTheirs(flink, windowed, { ...settings, prefix: emptyPrefix });
    const pairs = await runTheirs(flink, ['item-pairs'], settings);
    const sales = events.flatMap(({ type, value }) => (type === 'Sale' ? [value as Sale] : []));
    console.log(`${thousands(sent)} events, ${thousands(late.length)} of them late`);
    const isEqual = report(
      { ...ours.rows, pairs: pairsOf(sales) },
      { ...theirs.rows, pairs: pairs.rows.pairs as Map<string, unknown> },
    );
    reportCpu(sent, isEqual, ours.cpuSeconds, theirs.cpuSeconds - nothing.cpuSeconds);
    return isEqual;
  } finally {
    await admin.deleteTopics(names);
    await admin.close();
  }
};

/**
 * Activity and sales: orders are on a topic of several types, which Flink's format does not read. What is late is activity
 * alone: a late sale is a row of its own here, and nothing in Flink.
 */
const eventsOf = (count: number): { events: ShopEvent[]; late: ShopEvent[] } => {
  const fromMs = Date.now() - agoMs;
  const isRead = ({ type }: ShopEvent): boolean => type === 'ShopperActivity' || type === 'Sale';
  return {
    events: shopEvents(count, fromMs, { visits: visitsAtATime, eventsPerVisit }).filter(isRead),
    late: lateEvents(count * lateShare, fromMs).filter(({ type }) => type === 'ShopperActivity'),
  };
};

const send = async (
  broker: Broker,
  prefix: string,
  events: readonly ShopEvent[],
  late: readonly ShopEvent[],
): Promise<void> => {
  const shop = await createShopProducer(broker, prefix);
  const until = Math.floor(events.length * lateAfterShare);
  await shop.send(events.slice(0, until));
  await shop.send(late);
  await shop.send(events.slice(until));
  await shop.close();
};

const report = (ours: Measured['rows'], theirs: Measured['rows']): boolean => {
  let isEqual = true;
  for (const name of Object.keys(ours).sort()) {
    const mine = ours[name] ?? new Map<string, unknown>();
    const twin = theirs[name] ?? new Map<string, unknown>();
    const different = [...new Set([...mine.keys(), ...twin.keys()])].filter(
      (key) => !isDeepStrictEqual(sorted(mine.get(key)), sorted(twin.get(key))),
    );
    console.log(
      `${name}: ${thousands(mine.size)} rows, of Flink ${thousands(twin.size)}, ${different.length} differ`,
    );
    for (const key of different.slice(0, 3)) console.log(`  ${key}`, mine.get(key), twin.get(key));
    isEqual &&= different.length === 0 && mine.size > 0;
  }
  return isEqual;
};

const reportCpu = (sent: number, isEqual: boolean, ours: number, flink: number): void => {
  console.log(
    table(
      [{ title: '' }, { title: 'CPU-s', right: true }, { title: 'events/CPU-s', right: true }],
      [
        ['stream-jobs/windows (all its jobs)', ours.toFixed(1), thousands(sent / ours)],
        [`Flink SQL (${windowed.join(' + ')})`, flink.toFixed(1), thousands(sent / flink)],
      ],
    ),
  );
  writeResults('flink', { events: sent, isEqual, cpuSeconds: { ours, flink } });
};

const sorted = (row: unknown): unknown =>
  typeof row === 'object' && row !== null
    ? Object.fromEntries(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)))
    : row;
