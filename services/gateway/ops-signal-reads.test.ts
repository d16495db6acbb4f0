import { beforeEach, expect, it } from 'vitest';
import type { Principal } from '#platform/http/auth';
import { handClock } from '#platform/testing/hand-clock';
import { type ServiceName, services } from '../table.js';
import { createOpsSignals, type OpsSignalSource } from './ops-signal-reads.js';
import type { Upstream, UpstreamRequest } from './upstream.js';

/** Every answer that a part reads has what it needs. */
const page = JSON.stringify({ items: [], reasons: [] });
let askedBy: unknown[] = [];
let refusedToken: string | undefined;

const upstream: Pick<Upstream, 'send'> = {
  send: async ({ headers, path }: UpstreamRequest) => {
    if (path.startsWith('/api/ops/sagas')) askedBy.push(headers.authorization);
    const statusCode = headers.authorization === refusedToken ? 401 : 200;
    return { statusCode, headers: {}, body: page };
  },
};
const upstreams = Object.fromEntries(services.map(({ name }) => [name, upstream])) as Record<
  ServiceName,
  typeof upstream
>;
const health = async () =>
  ({
    status: 'degraded',
    service: 'gateway',
    version: '1',
    dependencies: {
      order: { status: 'up', latencyMs: 2_600 },
      payment: { status: 'down', latencyMs: 3 },
      review: { status: 'down', latencyMs: 2_501 },
      postgres: { status: 'down', latencyMs: 2_001 },
    },
  }) as const;

const withRole = (...roles: string[]): Principal => ({ kind: 'user', userId: 'u', roles });
const key: Principal = { kind: 'key', keyId: 'k', roles: ['admin'], scopes: ['ops:read'] };
let signals: OpsSignalSource;

beforeEach(() => {
  askedBy = [];
  refusedToken = undefined;
  signals = createOpsSignals({ upstreams, health, clock: handClock(0) });
});

it('reads once for all who have the same rights, and for nobody else', async () => {
  await Promise.all([signals.read(withRole('admin'), 'one'), signals.read(withRole('admin'), 'two')]);
  await signals.read(withRole('support'), 'three');
  await signals.read(key, 'four');
  await signals.read({ ...key, scopes: ['ops:read', 'inventory:read'] }, 'five');
  await signals.read(withRole('support', 'admin'), 'six');
  await signals.read(withRole('admin', 'support'), 'seven');
  expect(askedBy).toEqual(['one', 'three', 'four', 'five', 'six']);
});

it('names what did not answer in time apart from what does not work', async () => {
  const { servicesDown, servicesSlow } = await signals.read(withRole('admin'), 'one');
  expect([servicesDown, servicesSlow]).toEqual([
    ['payment', 'review', 'postgres'],
    ['review', 'postgres'],
  ]);
});

it.each([true, false])('gives nobody what was refused to somebody else (at once: %s)', async (isAtOnce) => {
  refusedToken = 'expired';
  const refused = signals.read(withRole('admin'), 'expired');
  if (!isAtOnce) await refused;
  const good = await signals.read(withRole('admin'), 'good');
  expect([(await refused).stuckOrders, good.stuckOrders?.count]).toEqual([null, 0]);
});
