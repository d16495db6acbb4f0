import { type ChildProcess, spawn } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createHttpServer } from '#platform/http/server';
import { inTransaction } from '#platform/postgres/transaction';
import { eventually } from '#platform/testing/eventually';
import { type HandClock, handClock } from '#platform/testing/hand-clock';
import { type ScratchDatabase, scratchDatabase } from '#platform/testing/scratch-database';
import { testHost } from '#platform/testing/test-host';
import type { PaymentCommand } from './payment.js';
import { createPaymentMetrics } from './payment-metrics.js';
import { createPaymentStore, type PaymentStore } from './payment-store.js';
import { createProviderWorker, type ProviderWorker } from './provider-worker.js';
import { createProviders } from './providers.js';
import { createReferenceStore } from './reference-store.js';
import { createStripe, createStripeProvider } from './stripe-provider.js';
import { webhookRoutes } from './webhook-routes.js';

/** The payment service with Stripe's SDK, against a provider in a process of its own that loses a third of its answers. */

const secret = 'whsec_of_this_test';
const sum = { amountMinor: 1999, currency: 'EUR' };
let sandbox: ChildProcess;
let base: string;
let scratch: ScratchDatabase;
let clock: HandClock;
let payments: PaymentStore;
let worker: ProviderWorker;

beforeAll(async () => {
  sandbox = spawn('node_modules/.bin/tsx', ['--conditions=source', 'local/payment-sandbox/main.ts'], {
    env: { ...process.env, SANDBOX_FAILURES: '0.3', SANDBOX_LATENCY_MS: '5' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (sandbox.stdout === null) throw new Error('no output');
  [base] = (await once(createInterface(sandbox.stdout), 'line')) as [string];
  scratch = await scratchDatabase(['platform/outbox/migrations', 'services/payment/migrations']);
  clock = handClock();
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
  const stripe = createStripe({ secretKey: 'sk_test_1', apiBase: base, timeoutMs: 2000 });
  const provider = createStripeProvider(stripe, createReferenceStore(scratch.db, 'stripe'));
  worker = workerAsking(() => provider);
});
afterAll(async () => {
  sandbox.kill('SIGTERM');
  await scratch.drop();
});

const workerAsking = (
  providerOf: Parameters<typeof createProviderWorker>[1]['providerOf'],
): ProviderWorker => {
  const host = testHost('payment-test', { clock, logLevel: 'fatal' });
  return createProviderWorker(host, {
    db: scratch.db,
    payments,
    providerOf,
    retryMs: () => 0,
    metrics: createPaymentMetrics(host.metrics),
    timeoutMs: 5000,
    callsConcurrentMax: 10,
  });
};

const tell = (orderId: string, command: PaymentCommand) =>
  inTransaction(scratch.db, (tx) => payments.update(tx, orderId, command));
const due = async (token: string, { amountMinor, currency } = sum): Promise<string> => {
  const orderId = randomUUID();
  const known = { orderId, paymentId: randomUUID() };
  const charge = { userId: null, amountMinor, currency, method: 'card', provider: 'stripe', token };
  await tell(orderId, { type: 'NoteInstruction', known, charge });
  await tell(orderId, { type: 'NoteStockReserved', known });
  return orderId;
};
const statusOf = async (orderId: string) => (await payments.find(scratch.db, { orderId }))?.status;
const books = async () => (await fetch(`${base}/_books`)).json() as Promise<Record<string, number>>;
/** Makes the calls until each payment has the status: each call is tried again after a while. */
const until = (orderIds: readonly string[], status: string, by = worker) =>
  eventually(async () => {
    clock.advanceMs(30_000);
    await by.workOff();
    expect(await Promise.all(orderIds.map(statusOf))).toEqual(orderIds.map(() => status));
  });

/** A payment that is captured. */
const taken = async (token: string, of = sum): Promise<string> => {
  const orderId = await due(token, of);
  await until([orderId], 'authorized');
  await tell(orderId, { type: 'CapturePayment' });
  await until([orderId], 'captured');
  return orderId;
};
const giveBack = (orderId: string, amountMinor = 700) =>
  tell(orderId, {
    type: 'RefundPayment',
    refundId: randomUUID(),
    amountMinor,
    nowMs: clock.nowMs(),
  });
const refundsOf = async (orderId: string) =>
  (await payments.find(scratch.db, { orderId }))?.refunds.map(({ state }) => state);
const isPaid = (orderId: string) =>
  eventually(async () => {
    clock.advanceMs(300_000);
    await worker.workOff();
    expect(await refundsOf(orderId)).toEqual(['done']);
  });
const published = async (orderId: string): Promise<string[]> => {
  const { rows } = await scratch.db.query<{ topic: string }>(
    'SELECT topic FROM outbox WHERE key = $1 ORDER BY seq',
    [orderId],
  );
  return rows.map(({ topic }) => topic);
};
const control = (step: string) => fetch(`${base}/_${step}`, { method: 'POST' });

describe('money through Stripe', () => {
  test('is guaranteed, taken and given back once each, though a third of the answers is lost', async () => {
    const before = await books();
    const orders = await Promise.all(Array.from({ length: 10 }, () => due('pm_card_visa')));
    await until(orders, 'authorized');
    for (const orderId of orders) await tell(orderId, { type: 'CapturePayment' });
    await until(orders, 'captured');
    const refundId = randomUUID();
    for (const orderId of orders.slice(0, 3))
      await tell(orderId, {
        type: 'RefundPayment',
        refundId: `${refundId.slice(0, -12)}${orderId.slice(-12)}`,
        amountMinor: 500,
        nowMs: clock.nowMs(),
      });
    await eventually(async () => {
      clock.advanceMs(30_000);
      await worker.workOff();
      const refunded = await Promise.all(
        orders.map(async (orderId) => (await payments.find(scratch.db, { orderId }))?.refundedMinor),
      );
      expect(refunded).toEqual(orders.map((_, n) => (n < 3 ? 500 : 0)));
    });
    const after = await books();
    expect([(after.authorized ?? 0) - (before.authorized ?? 0), after.captured, after.refundedMinor]).toEqual(
      [10, 10, 1500],
    );
  });

  const cancel = (orderId: string) =>
    tell(orderId, {
      type: 'CancelPayment',
      known: { orderId, paymentId: randomUUID() },
      reason: 'timed_out',
      nowMs: clock.nowMs(),
    });
  /** As the provider has them. */
  const intentsOf = async (orderId: string) => {
    const query = new URLSearchParams({ query: `metadata['key']:'${orderId}:authorize'` });
    const { data } = await eventually(
      async () =>
        (await fetch(`${base}/v1/payment_intents/search?${query}`)).json() as Promise<{ data: object[] }>,
    );
    return data;
  };
  /** An order whose authorisation Stripe has taken in and not decided. */
  const processing = async (): Promise<string> => {
    const orderId = await due('pm_processing');
    await eventually(async () => {
      clock.advanceMs(30_000);
      await worker.workOff();
      expect(await intentsOf(orderId)).toMatchObject([{ status: 'processing' }]);
    });
    return orderId;
  };
  const loseTheAnswer = async (): Promise<void> => {
    await control('lose');
    // The SDK asks a second time where a connection was dropped.
    await control('lose');
  };

  test('is given back when Stripe has settled it, and not before', async () => {
    const orderId = await taken('pm_card_pendingRefund');
    await giveBack(orderId);
    for (let attempt = 0; attempt < 5; attempt += 1) {
      clock.advanceMs(300_000);
      await worker.workOff();
      expect(await refundsOf(orderId)).toEqual(['due']);
    }
    // Another refund of the payment does not wait for it.
    await giveBack(orderId);
    await eventually(async () => {
      // On a busy machine the first try may find the provider too slow, and then rests.
      clock.advanceMs(10_000);
      await worker.workOff();
      const { rows } = await scratch.db.query(
        `SELECT 1 FROM provider_references WHERE key LIKE $1 AND key LIKE '%:refund:%'`,
        [`${orderId}:%`],
      );
      expect(rows).toHaveLength(2);
    });
    await control('settle');
    await eventually(async () => {
      clock.advanceMs(300_000);
      await worker.workOff();
      expect(await refundsOf(orderId)).toEqual(['done', 'done']);
    });
  });

  test('is given back once, though the answer is lost and Stripe forgets the key', async () => {
    const orderId = await taken('pm_card_visa');
    const before = await books();
    await loseTheAnswer();
    await giveBack(orderId);
    await worker.workOff();
    expect(await refundsOf(orderId)).toEqual(['due']);
    await control('forget');
    await isPaid(orderId);
    expect((await books()).refundedMinor).toBe((before.refundedMinor ?? 0) + 700);
  });

  test('is guaranteed once, though the answer is lost and Stripe forgets the key', async () => {
    const before = await books();
    await loseTheAnswer();
    const orderId = await due('pm_card_visa');
    await worker.workOff();
    expect(await statusOf(orderId)).toBe('authorizing');
    await control('forget');
    await until([orderId], 'authorized');
    await tell(orderId, { type: 'CapturePayment' });
    await until([orderId], 'captured');
    expect((await books()).authorized).toBe((before.authorized ?? 0) + 1);
  });

  test.each(['done', 'not done'])(
    'is taken once where Stripe answers the capture with an error of its own, %s, which it repeats for a day',
    async (isDone) => {
      const orderId = await due('pm_card_visa');
      await until([orderId], 'authorized');
      const before = await books();
      await control(isDone === 'done' ? 'fail-after' : 'fail-before');
      await tell(orderId, { type: 'CapturePayment' });
      await until([orderId], 'captured');
      expect((await books()).captured).toBe((before.captured ?? 0) + 1);
      await giveBack(orderId);
      await isPaid(orderId);
    },
  );

  test('that cannot be given back is reported as such', async () => {
    const orderId = await taken('pm_card_refundFail');
    await giveBack(orderId);
    await eventually(async () => {
      clock.advanceMs(300_000);
      await worker.workOff();
      expect(await refundsOf(orderId)).toEqual(['failed']);
    });
  });

  test('is counted as Stripe counts the currency, wherever it moves', async () => {
    const orderId = await taken('pm_card_visa', { amountMinor: 500, currency: 'ISK' });
    await giveBack(orderId, 120);
    await isPaid(orderId);
    expect(await intentsOf(orderId)).toMatchObject([
      { currency: 'isk', amount: 50_000, amount_received: 50_000, amount_refunded: 12_000 },
    ]);
  });

  test('that Stripe cannot express is not moved at all', async () => {
    const before = await books();
    const ofPart = await due('pm_card_visa', { amountMinor: 50_020, currency: 'MGA' });
    await until([ofPart], 'declined');
    expect(await payments.find(scratch.db, { orderId: ofPart })).toMatchObject({
      reason: 'amount_not_expressible',
    });
    expect(await books()).toEqual(before);
    const whole = await taken('pm_card_visa', { amountMinor: 50_000, currency: 'MGA' });
    await giveBack(whole, 20);
    await eventually(async () => {
      clock.advanceMs(300_000);
      await worker.workOff();
      expect(await refundsOf(whole)).toEqual(['failed']);
    });
    expect((await books()).refundedMinor).toBe(before.refundedMinor);
  });

  test('is declined with Stripe’s reason, and not confirmed afterwards', async () => {
    const orderId = await due('pm_card_chargeDeclined');
    await until([orderId], 'declined');
    expect(await payments.find(scratch.db, { orderId })).toMatchObject({ reason: 'generic_decline' });
    expect(await intentsOf(orderId)).toMatchObject([{ status: 'canceled' }]);
  });

  test('is guaranteed once Stripe has processed it, and not declined before', async () => {
    const orderId = await processing();
    for (let attempt = 0; attempt < 3; attempt += 1) {
      clock.advanceMs(30_000);
      await worker.workOff();
      expect(await statusOf(orderId)).toBe('authorizing');
    }
    await control('settle');
    await until([orderId], 'authorized');
    await cancel(orderId);
    await until([orderId], 'voided');
  });

  test('that Stripe processes when its order is cancelled is given free once it has done so', async () => {
    const orderId = await processing();
    await cancel(orderId);
    for (let attempt = 0; attempt < 3; attempt += 1) {
      clock.advanceMs(30_000);
      await worker.workOff();
    }
    await control('settle');
    await until([orderId], 'voided');
    expect(await intentsOf(orderId)).toMatchObject([{ status: 'canceled' }]);
  });

  test('that needs its buyer once more is declined, and cannot be guaranteed afterwards', async () => {
    const orderId = await due('pm_requiresAction');
    await until([orderId], 'declined');
    expect(await intentsOf(orderId)).toMatchObject([{ status: 'canceled' }]);
  });

  test('is given free where the order is cancelled while Stripe is asked and its search has nothing yet', async () => {
    const orderId = randomUUID();
    const references = createReferenceStore(scratch.db, 'stripe');
    const stripe = createStripe({ secretKey: 'sk_test_1', apiBase: base, timeoutMs: 2000 });
    const provider = createStripeProvider(stripe, {
      ...references,
      keep: async (key, reference) => {
        // As a void does that finds no authorisation.
        await references.keep(key, null);
        return references.keep(key, reference);
      },
    });
    const request = { ...sum, key: `${orderId}:authorize`, method: 'card', token: 'pm_card_visa' };
    const answer = await eventually(() => provider.authorize(request, new AbortController().signal));
    expect(answer).toEqual({ outcome: 'declined', reason: 'voided' });
    expect(await intentsOf(orderId)).toMatchObject([{ status: 'canceled' }]);
  });

  test('is told to be given free where somebody has cancelled it at Stripe before its order is cancelled', async () => {
    const orderId = await due('pm_card_visa');
    await until([orderId], 'authorized');
    await eventually(async () => {
      const [{ id }] = (await intentsOf(orderId)) as [{ id: string }];
      await fetch(`${base}/v1/payment_intents/${id}/cancel`, { method: 'POST' }).catch(() => {});
      expect(await intentsOf(orderId)).toMatchObject([{ status: 'canceled' }]);
    });
    await cancel(orderId);
    await until([orderId], 'voided');
    expect(await published(orderId)).toEqual(['PaymentAuthorized', 'PaymentVoided']);
  });

  test('is given free when the order is cancelled, also when nobody knows whether it was guaranteed', async () => {
    const authorized = await due('pm_card_visa');
    await until([authorized], 'authorized');
    await cancel(authorized);
    await until([authorized], 'voided');
    const never = await due('pm_card_visa');
    await cancel(never);
    await until([never], 'aborted');
    const unknown = await Promise.all(Array.from({ length: 10 }, () => due('pm_card_visa')));
    await worker.workOff();
    await Promise.all(unknown.map(cancel));
    await eventually(async () => {
      clock.advanceMs(30_000);
      await worker.workOff();
      for (const status of await Promise.all(unknown.map(statusOf)))
        expect(status).toMatch(/^(voided|aborted)$/);
    });
    const { authorized: granted = 0, captured = 0, canceled = 0 } = await books();
    expect(granted - captured - canceled).toBe(0);
  });
});

describe('a payment', () => {
  const providersWith = (cardProvider: 'stripe' | 'sandbox', isConfigured: boolean) =>
    createProviders(
      testHost('payment-test', { clock }),
      { cardProvider, paypalProvider: 'sandbox', cryptoProvider: 'sandbox', providerCallsConcurrentMax: 10 },
      {
        db: scratch.db,
        stripe: isConfigured
          ? createStripe({ secretKey: 'sk_test_1', apiBase: base, timeoutMs: 2000 })
          : undefined,
      },
    );

  test('stays with the provider that it began with, and waits for one that is not configured any more', async () => {
    const before = providersWith('stripe', true);
    expect(before.nameOf('card')).toBe('stripe');
    const orderId = await due('pm_card_visa');
    await until([orderId], 'authorized', workerAsking(before.of));
    await tell(orderId, { type: 'CapturePayment' });

    const without = providersWith('sandbox', false);
    expect(await without.checkHealth?.()).toEqual({ status: 'up' });
    const waiting = workerAsking(without.of);
    await eventually(async () => {
      clock.advanceMs(30_000);
      await waiting.workOff();
      expect(await without.checkHealth?.()).toEqual({ status: 'degraded', detail: 'away: stripe' });
    });
    expect(await statusOf(orderId)).toBe('capturing');

    const after = providersWith('sandbox', true);
    expect(after.nameOf('card')).toBe('sandbox');
    await until([orderId], 'captured', workerAsking(after.of));
  });

  test('of before its provider was kept goes to the one that is set for its method', () => {
    const payment = { method: 'card', provider: null };
    expect(providersWith('stripe', true).of(payment).name).toBe('stripe');
    expect(providersWith('sandbox', true).of(payment).name).toBe('sandbox');
  });

  test('cannot begin with a provider that is not configured', () => {
    expect(() => providersWith('stripe', false)).toThrow(/STRIPE_SECRET_KEY is not set/);
  });
});

describe('an event of Stripe', () => {
  const post = async (headers: (body: string) => Record<string, string>, refund: object = {}) => {
    const host = testHost('payment-test', { clock });
    const { app } = createHttpServer(host, { port: 0, title: 'payment' });
    const stripe = createStripe({ secretKey: 'sk_test_1', apiBase: base, timeoutMs: 2000 });
    webhookRoutes(app, { db: scratch.db, payments, stripe, secret, logger: host.logger });
    // A refund as well as a payment intent has the key.
    const object = {
      object: 'refund',
      metadata: { key: `${randomUUID()}:refund:${randomUUID()}` },
      ...refund,
    };
    const body = JSON.stringify({
      id: 'evt_1',
      object: 'event',
      type: 'refund.updated',
      data: { object },
    });
    const answer = await app.inject({
      method: 'POST',
      url: '/api/payments/webhooks/stripe',
      headers: { 'content-type': 'application/json', ...headers(body) },
      payload: body,
    });
    await app.close();
    return answer;
  };
  const signed = (body: string, by = secret) => {
    const at = Math.floor(Date.now() / 1000);
    const signature = createHmac('sha256', by).update(`${at}.${body}`).digest('hex');
    return { 'stripe-signature': `t=${at},v1=${signature}` };
  };

  test('is taken if Stripe has signed it, and refused otherwise', async () => {
    expect((await post(signed)).statusCode).toBe(204);
    expect((await post((body) => signed(body, 'whsec_of_a_stranger'))).json()).toMatchObject({
      status: 400,
      code: 'invalid_signature',
    });
    expect((await post(() => ({}))).statusCode).toBe(400);
  });

  test('that a refund has failed after all has the books follow, and it is paid once more when staff ask', async () => {
    const orderId = await taken('pm_card_visa');
    await giveBack(orderId);
    await isPaid(orderId);
    const [{ refundId = '' } = {}] = (await payments.find(scratch.db, { orderId }))?.refunds ?? [];
    const failed = { status: 'failed', metadata: { key: `${orderId}:refund:${refundId}` } };
    // Nothing is believed that Stripe does not say when it is asked.
    await post(signed, failed);
    await worker.workOff();
    expect(await refundsOf(orderId)).toEqual(['done']);
    await control('return');
    await post(signed, failed);
    await post(signed, failed);
    await eventually(async () => {
      clock.advanceMs(30_000);
      await worker.workOff();
      expect(await refundsOf(orderId)).toEqual(['failed']);
    });
    expect(await payments.find(scratch.db, { orderId })).toMatchObject({ refundedMinor: 0 });
    expect(await published(orderId)).toEqual([
      'PaymentAuthorized',
      'PaymentCaptured',
      'PaymentRefunded',
      'RefundFailed',
    ]);
    await tell(orderId, { type: 'AskForRefundsAgain', nowMs: clock.nowMs() });
    await isPaid(orderId);
    expect((await books()).refundedMinor).toBe(700);
  });
});
