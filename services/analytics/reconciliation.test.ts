import { expect, it } from 'vitest';
import { handClock } from '#platform/testing/hand-clock';
import { testHost } from '#platform/testing/test-host';
import { oracles } from './oracles.js';
import { type Reconciler, watchReconciliation } from './reconciliation.js';

it('what an oracle finds is counted, and counted anew in the next round', async ({ onTestFinished }) => {
  const host = testHost('analytics');
  const books = { what: 'money', expected: '1', found: '2' };
  let found = ['order-1', 'order-2'].map((subject) => ({ oracle: 'O4' as const, subject, ...books }));
  const differences: Reconciler['differences'] = async ([oracle]) => ({
    found: oracle?.name === 'O4' ? found : [],
    asOfMs: host.clock.nowMs(),
  });
  const watch = watchReconciliation(host, { differences }, 20);
  await watch.start();
  onTestFinished(() => watch.stop());
  const metrics = () => host.metrics.render();
  await expect.poll(metrics).toContain('reconciliation_differences{oracle="O4"} 2\n');
  expect(await metrics()).toContain('reconciliation_differences{oracle="O3"} 0\n');
  found = [];
  await expect.poll(metrics).toContain('reconciliation_differences{oracle="O4"} 0\n');
});

it('an oracle that cannot be asked is not taken for one that agrees', async ({ onTestFinished }) => {
  const clock = handClock();
  const host = { ...testHost('analytics'), clock };
  const away = oracles[0]?.name ?? '';
  let rounds = 0;
  const differences: Reconciler['differences'] = async ([oracle]) => {
    if (oracle?.name === oracles.at(-1)?.name) rounds += 1;
    if (oracle?.name === away) throw new Error('the statement is wrong');
    return { found: [], asOfMs: clock.nowMs() };
  };
  const watch = watchReconciliation(host, { differences }, 20);
  await watch.start();
  onTestFinished(() => watch.stop());
  expect(await watch.checkHealth?.()).toEqual({ status: 'up' });
  clock.advanceMs(61);
  await expect.poll(() => rounds).toBeGreaterThan(1);
  await expect
    .poll(() => watch.checkHealth?.())
    .toEqual({ status: 'degraded', detail: `not compared for long: ${away}` });
});

it('an oracle that is asked about an old time only is not taken for one that agrees now', async ({
  onTestFinished,
}) => {
  const clock = handClock();
  const host = { ...testHost('analytics'), clock };
  const asOfMs = clock.nowMs();
  let rounds = 0;
  const differences: Reconciler['differences'] = async () => {
    rounds += 1;
    return { found: [], asOfMs };
  };
  const watch = watchReconciliation(host, { differences }, 20);
  await watch.start();
  onTestFinished(() => watch.stop());
  await expect.poll(() => rounds).toBeGreaterThan(oracles.length);
  expect(await watch.checkHealth?.()).toEqual({ status: 'up' });
  clock.advanceMs(61);
  await expect
    .poll(() => watch.checkHealth?.())
    .toMatchObject({ status: 'degraded', detail: expect.stringContaining('not compared for long') });
});
