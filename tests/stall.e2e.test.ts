import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { runFilePath } from '#platform/testing/engines';
import { openStallRig, type StallRig } from './stall.js';

/**
 * A small `npm run stalls`, on the platform that the other tests use before and after it.
 * `platform/messaging/stopped-processes.int.test.ts` tests that a process of ours recovers from a stop.
 */

let rig: StallRig;

beforeAll(async () => {
  rig = await openStallRig(
    { runFile: runFilePath(), launcherPid: launcherOf(runFilePath()) },
    { ordersPerSecond: 1, activityPerSecond: 100, salesPerSecond: 10 },
  );
}, 120_000);

const launcherOf = (runFile: string): number =>
  (JSON.parse(readFileSync(join(dirname(runFile), 'launcher.lock'), 'utf8')) as { pid: number }).pid;

test('the broker is stopped for 8 s under load, and everything goes on by itself', async () => {
  const { untruths, unwell } = await rig.stall('kafka', 8_000);
  expect(untruths).toEqual([]);
  expect(unwell).not.toEqual([]);
}, 180_000);

test('afterwards every order has ended, every record is a row once, and nobody reports lag', async () => {
  expect(await rig.finish()).toEqual([]);
  expect(rig.orders()).toBeGreaterThan(0);
}, 180_000);
