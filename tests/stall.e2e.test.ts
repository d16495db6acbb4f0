import { afterAll, beforeAll, expect, test } from 'vitest';
import { startScratch, underIngestLoad } from './running-platform.js';
import { openStallRig, type StallRig } from './stall.js';

/**
 * A small `npm run stalls`, on a platform of its own, because other tests use the shared engines.
 * `platform/messaging/stalled-process.int.test.ts` tests that a process of ours recovers from a stop.
 */

let platform: Awaited<ReturnType<typeof startScratch>>;
let rig: StallRig;

beforeAll(async () => {
  platform = await startScratch(['--port', '0', '--catalog', '20', '--no-traffic'], underIngestLoad);
  rig = await openStallRig(
    { runFile: platform.runFile, launcherPid: platform.pid },
    { ordersPerSecond: 1, activityPerSecond: 100, salesPerSecond: 10 },
  );
});
afterAll(async () => {
  await platform?.stop();
});

test('the broker is stopped for 8 s under load, and everything goes on by itself', async () => {
  const { untruths, unwell } = await rig.stall('kafka', 8_000);
  expect(untruths).toEqual([]);
  expect(unwell).not.toEqual([]);
}, 180_000);

test('afterwards every order has ended, every record is a row once, and nobody reports lag', async () => {
  expect(await rig.finish()).toEqual([]);
  expect(rig.orders()).toBeGreaterThan(0);
}, 180_000);
