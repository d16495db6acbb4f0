import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { assert } from '#platform/assert';
import { PlatformError } from '#platform/errors';
import { createDatabase, type Database } from '#platform/postgres/pool';
import { inTransaction } from '#platform/postgres/transaction';
import { projectPath } from '#platform/project';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { type HandClock, handClock } from '#platform/testing/hand-clock';
import { testHost } from '#platform/testing/test-host';
import { providerGuard } from './guarded-provider.js';
import type { PaymentCommand } from './payment.js';
import { createPaymentMetrics } from './payment-metrics.js';
import { createPaymentStore, type PaymentStore } from './payment-store.js';
import { NotYet, type PaymentProvider } from './provider.js';
import { callsChannel } from './provider-calls.js';
import { createProviderWorker } from './provider-worker.js';
import { createSandboxProvider } from './sandbox-provider.js';

let db: Database;
let clock: HandClock;
let payments: PaymentStore;
let sandbox: PaymentProvider;

beforeAll(async () => {
  const url = new URL(engines().databaseUrl);
  url.pathname = `/test_payment_${randomUUID().replaceAll('-', '')}`;
  db = createDatabase(testHost('payment-test'), {
    url: url.toString(),
    poolMax: 10,
    migrations: ['platform/outbox/migrations', 'services/payment/migrations'].map(projectPath),
  });
  await db.start();
});

afterAll(async () => {
  const name = new URL(db.pool.options.connectionString as string).pathname.slice(1);
  await db.stop();
  const admin = createDatabase(testHost('payment-test'), { url: engines().databaseUrl });
  await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  await admin.stop();
});

beforeEach(async () => {
  clock = handClock();
  sandbox = createSandboxProvider(db, clock);
  payments = createPaymentStore({
    clock,
    events: {
      event: (type, key, value, { occurredAt }) => ({
        topic: type,
        key,
        value: Buffer.from(JSON.stringify(value)),
        headers: { 'occurred-at': String(occurredAt) },
      }),
    },
  });
  // Calls of the tests before are none of this one's.
  await db.query('UPDATE provider_calls SET is_open = false');
});

const worker = (
  provider: PaymentProvider = sandbox,
  timeoutMs = 5000,
  onFatal?: (error: unknown) => void,
  callsConcurrentMax = 10,
) => {
  const host = testHost('payment-test', { clock, ...(onFatal === undefined ? {} : { onFatal }) });
  return createProviderWorker(host, {
    db,
    payments,
    providerOf: () => provider,
    metrics: createPaymentMetrics(host.metrics),
    timeoutMs,
    callsConcurrentMax,
    retryMs: () => 0,
  });
};

const tell = (orderId: string, command: PaymentCommand) =>
  inTransaction(db, (tx) => payments.update(tx, orderId, command));

/** A payment whose authorisation is due. */
const due = async (token = 'tok_ok', amountMinor = 1999): Promise<string> => {
  const orderId = randomUUID();
  const known = { orderId, paymentId: randomUUID() };
  const charge = { userId: null, amountMinor, currency: 'EUR', method: 'card', provider: 'sandbox', token };
  await tell(orderId, { type: 'NoteInstruction', known, charge });
  await tell(orderId, { type: 'NoteStockReserved', known });
  return orderId;
};
const cancel = (orderId: string) =>
  tell(orderId, {
    type: 'CancelPayment',
    known: { orderId, paymentId: randomUUID() },
    reason: 'timed_out',
    nowMs: 0,
  });
const capture = (orderId: string) => tell(orderId, { type: 'CapturePayment' });
const statusOf = async (orderId: string) => (await payments.find(db, { orderId }))?.status;
const published = async (orderId: string): Promise<string[]> => {
  const { rows } = await db.query<{ topic: string }>('SELECT topic FROM outbox WHERE key = $1 ORDER BY seq', [
    orderId,
  ]);
  return rows.map(({ topic }) => topic);
};
/** What the provider's own books say happened for the order. */
const ledger = async (orderId: string): Promise<string[]> => {
  const { rows } = await db.query<{ entry: string }>(
    `SELECT kind || ' ' || status || ' ' || amount_minor AS entry FROM sandbox_ledger WHERE key LIKE $1 ORDER BY created_at, kind`,
    [`${orderId}:%`],
  );
  return rows.map(({ entry }) => entry);
};

describe('the money of an order', () => {
  test('is guaranteed, then taken, each once', async () => {
    const orderId = await due();
    await worker().workOff();
    expect(await statusOf(orderId)).toBe('authorized');
    await capture(orderId);
    await capture(orderId);
    await worker().workOff();
    expect(await worker().workOff()).toBe(0);
    expect(await statusOf(orderId)).toBe('captured');
    expect(await published(orderId)).toEqual(['PaymentAuthorized', 'PaymentCaptured']);
    expect(await ledger(orderId)).toEqual(['authorize authorized 1999', 'capture done 1999']);
  });

  test('is taken once by two workers at a time', async () => {
    const orders = await Promise.all(Array.from({ length: 8 }, () => due()));
    const made = await Promise.all([worker().workOff(), worker().workOff()]);
    expect(made[0] + made[1]).toBe(8);
    for (const orderId of orders) expect(await published(orderId)).toEqual(['PaymentAuthorized']);
  });

  test('is refunded once for each return, and never more than was taken', async () => {
    const orderId = await due();
    await worker().workOff();
    await capture(orderId);
    const [first, second] = [randomUUID(), randomUUID()];
    await tell(orderId, { type: 'RefundPayment', refundId: first, amountMinor: 1500, nowMs: 0 });
    await worker().workOff();
    await worker().workOff();
    await tell(orderId, { type: 'RefundPayment', refundId: first, amountMinor: 1500, nowMs: 0 });
    expect(
      await tell(orderId, { type: 'RefundPayment', refundId: second, amountMinor: 500, nowMs: 0 }),
    ).toEqual({
      refused: 'refund_exceeds_capture',
      refundableMinor: 499,
    });
    expect(await worker().workOff()).toBe(0);
    expect(await payments.find(db, { orderId })).toMatchObject({ status: 'captured', refundedMinor: 1500 });
    expect(await published(orderId)).toEqual(['PaymentAuthorized', 'PaymentCaptured', 'PaymentRefunded']);
  });

  test('is asked for one after the other, and a call that has waited for another one is announced', async () => {
    const orderId = await due();
    await worker().workOff();
    await capture(orderId);
    await worker().workOff();
    for (const refundId of [randomUUID(), randomUUID()])
      await tell(orderId, { type: 'RefundPayment', refundId, amountMinor: 500, nowMs: 0 });
    const client = await db.pool.connect();
    let announced = 0;
    client.on('notification', () => {
      announced += 1;
    });
    const announcedBy = async (work: () => Promise<number>): Promise<number[]> => {
      const before = announced;
      const made = await work();
      // What was committed before has been delivered by the time that this is answered.
      await client.query('SELECT 1');
      return [made, announced - before];
    };
    try {
      await client.query(`LISTEN ${callsChannel}`);
      expect(await announcedBy(() => worker().workOff())).toEqual([1, 1]);
      expect(await announcedBy(() => worker().workOff())).toEqual([1, 0]);
    } finally {
      client.release(true);
    }
    expect((await payments.find(db, { orderId }))?.refundedMinor).toBe(1000);
  });

  test('that the provider declines is declined with its reason, and its token forgotten', async () => {
    const orderId = await due('tok_insufficient_funds');
    await worker().workOff();
    expect(await payments.find(db, { orderId })).toMatchObject({
      status: 'declined',
      reason: 'insufficient_funds',
      token: null,
    });
  });
});

describe('a provider that cannot be reached', () => {
  test('is asked again, ever more slowly, until it answers', async () => {
    const orderId = await due('tok_flaky');
    expect(await worker().workOff()).toBe(1);
    expect(await worker().workOff()).toBe(0);
    clock.advanceMs(200);
    expect(await worker().workOff()).toBe(1);
    clock.advanceMs(399);
    expect(await worker().workOff()).toBe(0);
    clock.advanceMs(1);
    expect(await worker().workOff()).toBe(1);
    expect(await statusOf(orderId)).toBe('authorized');
    expect(await ledger(orderId)).toEqual(['authorize authorized 1999']);
  });

  test('does not keep calls that were never tried waiting behind those that get no answer', async () => {
    const silent = await due('tok_timeout');
    await worker(sandbox, 20, undefined, 1).workOff();
    clock.advanceMs(60_000);
    const fresh = await due();
    expect(await worker(sandbox, 5000, undefined, 1).workOff()).toBe(1);
    expect(await statusOf(fresh)).toBe('authorized');
    expect(await statusOf(silent)).toBe('authorizing');
  });

  test('is told when nobody waits for its answer any more, and not before', async () => {
    const orderId = await due();
    const told: boolean[] = [];
    const silent: PaymentProvider = {
      ...sandbox,
      authorize: (_, signal) => {
        told.push(signal.aborted);
        signal.addEventListener('abort', () => told.push(signal.aborted));
        return new Promise(() => {});
      },
    };
    await worker(silent, 20).workOff();
    expect(told).toEqual([false, true]);
    expect(await statusOf(orderId)).toBe('authorizing');
  });

  test('that did it and was cut off before it said so is not made to do it twice', async () => {
    const orderId = await due();
    let authorisations = 0;
    const cutOff: PaymentProvider = {
      ...sandbox,
      authorize: async (request, signal) => {
        authorisations += 1;
        await sandbox.authorize(request, signal);
        throw new PlatformError('dependency_timeout', 'the answer was lost', { retriable: true });
      },
    };
    await worker(cutOff).workOff();
    expect(await statusOf(orderId)).toBe('authorizing');
    clock.advanceMs(200);
    await worker(cutOff).workOff();
    expect(await statusOf(orderId)).toBe('authorized');
    expect(authorisations).toBe(1);
  });

  test('leaves the call to the next worker when this one dies with it in hand', async () => {
    const orderId = await due();
    const dying: PaymentProvider = {
      ...sandbox,
      authorize: async (request, signal) => {
        await sandbox.authorize(request, signal);
        return new Promise(() => {});
      },
    };
    void worker(dying, 5000).workOff();
    await eventually(async () => (await ledger(orderId)).length === 1);
    expect(await worker().workOff()).toBe(0);
    clock.advanceMs(7000);
    expect(await worker().workOff()).toBe(1);
    expect(await published(orderId)).toEqual(['PaymentAuthorized']);
    expect(await ledger(orderId)).toEqual(['authorize authorized 1999']);
  });

  test('is asked again within its bounds also when the wall clock is set back by an hour', async () => {
    const failed = await due('tok_flaky');
    const inHand = await due();
    const dying: PaymentProvider = {
      ...sandbox,
      authorize: async (request, signal) =>
        request.key.startsWith(failed) ? sandbox.authorize(request, signal) : new Promise(() => {}),
    };
    void worker(dying, 1_000).workOff();
    await eventually(async () => {
      const { rows } = await db.query('SELECT FROM provider_calls WHERE is_open AND attempts = 1');
      const { rows: rests } = await db.query(
        'SELECT FROM provider_calls WHERE last_error IS NOT NULL AND is_open',
      );
      return rows.length === 2 && rests.length === 1;
    });
    clock.setMs(clock.nowMs() - 3_600_000);
    const next = worker();
    expect(await next.workOff()).toBe(2);
    expect(await statusOf(inHand)).toBe('authorized');
    clock.advanceMs(400);
    await next.workOff();
    expect(await statusOf(failed)).toBe('authorized');
    expect(await ledger(inHand)).toEqual(['authorize authorized 1999']);
    // Also while a worker runs.
    const later = await due('tok_flaky');
    await next.workOff();
    clock.setMs(clock.nowMs() - 3_600_000);
    expect(await next.workOff()).toBe(0);
    clock.advanceMs(10_000);
    expect(await next.workOff()).toBe(1);
    expect(await statusOf(later)).toBe('authorizing');
  });

  test('that never answers holds nothing once its order is cancelled', async () => {
    const orderId = await due('tok_timeout');
    await worker(sandbox, 20).workOff();
    expect(await statusOf(orderId)).toBe('authorizing');
    await cancel(orderId);
    await worker().workOff();
    await worker().workOff();
    expect(await statusOf(orderId)).toBe('aborted');
    expect(await published(orderId)).toEqual([]);
  });
});

describe('a call whose answer may be there sooner', () => {
  test('is made again at once, also when it was under way as that was said', async () => {
    const orderId = await due();
    await worker().workOff();
    await capture(orderId);
    await worker().workOff();
    let asked = 0;
    let saysSo = true;
    const pending: PaymentProvider = {
      ...sandbox,
      find: async () => null,
      refund: async () => {
        asked += 1;
        // An event of the provider that comes while it still answers with what was before.
        if (saysSo) await inTransaction(db, (tx) => payments.hasten(tx, orderId));
        throw new NotYet('sandbox', 'the refund is pending', 300_000);
      },
    };
    await tell(orderId, {
      type: 'RefundPayment',
      refundId: randomUUID(),
      amountMinor: 500,
      nowMs: clock.nowMs(),
    });
    expect(await worker(pending).workOff()).toBe(1);
    saysSo = false;
    expect(await worker(pending).workOff()).toBe(1);
    expect(await worker(pending).workOff()).toBe(0);
    clock.advanceMs(300_000);
    expect(await worker(pending).workOff()).toBe(1);
    expect(asked).toBe(3);
  });
});

describe('the money of a cancelled order', () => {
  test('is given back', async () => {
    const orderId = await due();
    await worker().workOff();
    await cancel(orderId);
    await worker().workOff();
    expect(await statusOf(orderId)).toBe('voided');
    expect(await published(orderId)).toEqual(['PaymentAuthorized', 'PaymentVoided']);
    expect(await ledger(orderId)).toContain('authorize voided 1999');
  });

  test('is given back also when it was guaranteed while the cancellation was on its way', async () => {
    const orderId = await due();
    const slow: PaymentProvider = {
      ...sandbox,
      authorize: async (request, signal) => {
        const answer = await sandbox.authorize(request, signal);
        await cancel(orderId);
        return answer;
      },
    };
    await worker(slow).workOff();
    expect(await statusOf(orderId)).toBe('voiding');
    await worker().workOff();
    expect(await published(orderId)).toEqual(['PaymentAuthorized', 'PaymentVoided']);
  });

  test('cannot be guaranteed by an authorisation that arrives after the void', async () => {
    const orderId = await due();
    const lost: PaymentProvider = {
      ...sandbox,
      authorize: async () => {
        await cancel(orderId);
        throw new PlatformError('dependency_timeout', 'still on its way', { retriable: true });
      },
    };
    await worker(lost).workOff();
    await worker().workOff();
    expect(await statusOf(orderId)).toBe('aborted');
    const late = await sandbox.authorize(
      { key: `${orderId}:authorize`, amountMinor: 1999, currency: 'EUR', method: 'card', token: 'tok_ok' },
      new AbortController().signal,
    );
    expect(late).toEqual({ outcome: 'declined', reason: 'voided' });
  });
});

describe('a broken invariant', () => {
  test('met in a provider call is fatal to the process, not one more attempt', async () => {
    const orderId = await due();
    const fatal: unknown[] = [];
    const broken: PaymentProvider = {
      ...sandbox,
      authorize: async () => {
        assert(false, 'of this test');
      },
    };
    await worker(broken, 5000, (error) => fatal.push(error)).workOff();
    expect(fatal).toMatchObject([{ name: 'AssertionError' }]);
    const { rows } = await db.query('SELECT last_error FROM provider_calls WHERE key LIKE $1', [
      `${orderId}:%`,
    ]);
    expect(rows).toEqual([{ last_error: null }]);
  });
});

describe('a provider that is down', () => {
  test('is asked five times, then not for a minute; its calls wait, and are made when it is back', async () => {
    let isAway = true;
    let calls = 0;
    const away: PaymentProvider = {
      ...sandbox,
      name: 'away',
      isDown: () => true,
      find: (key, signal) => through(() => sandbox.find(key, signal)),
      authorize: (request, signal) => through(() => sandbox.authorize(request, signal)),
    };
    const through = async <T>(call: () => Promise<T>): Promise<T> => {
      calls += 1;
      if (isAway)
        throw new PlatformError('dependency_unavailable', 'connection refused', { retriable: true });
      return call();
    };
    const { metrics } = testHost('payment-test', { clock });
    const monotonicMs = () => clock.monotonicMs();
    const guarded = providerGuard({ metrics, monotonicMs, callsConcurrentMax: 10 })(away);
    const orders = await Promise.all(Array.from({ length: 8 }, () => due()));
    const quiet = worker(guarded, 5000, undefined, 1);
    for (let n = 0; n < 8; n += 1) await quiet.workOff();
    expect(calls).toBe(5);
    expect(await metrics.render()).toMatch(/circuit_breaker_state\{[^}]*circuit="away"[^}]*\} 1/);
    clock.advanceMs(59_000);
    await quiet.workOff();
    expect(calls).toBe(5);
    isAway = false;
    await eventually(async () => {
      clock.advanceMs(1000);
      await quiet.workOff();
      expect(await Promise.all(orders.map(statusOf))).toEqual(orders.map(() => 'authorized'));
    });
    for (const orderId of orders) expect(await ledger(orderId)).toEqual(['authorize authorized 1999']);
    expect(await metrics.render()).toMatch(/circuit_breaker_state\{[^}]*circuit="away"[^}]*\} 0/);
  });

  test('does not take more places than its own', async () => {
    const { metrics } = testHost('payment-test', { clock });
    const guarded = providerGuard({ metrics, monotonicMs: () => 0, callsConcurrentMax: 2 })(sandbox);
    const orders = await Promise.all([due('tok_slow'), due('tok_slow'), due('tok_slow')]);
    await worker(guarded).workOff();
    expect((await Promise.all(orders.map(statusOf))).sort()).toEqual([
      'authorized',
      'authorized',
      'authorizing',
    ]);
  });
});
