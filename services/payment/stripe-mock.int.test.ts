import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newId } from '#platform/ids';
import { handClock } from '#platform/testing/hand-clock';
import { paymentMethods } from '#schemas/payment-methods';
import type { PaymentProvider } from './provider.js';
import type { ReferenceStore } from './reference-store.js';
import { createStripe, createStripeProvider } from './stripe-provider.js';

/**
 * Each call that we make, checked by Stripe's own mock: it refuses what Stripe's description of its API does not have. It
 * keeps no state, so an authorisation is answered as one that waits for its means of payment.
 */

let mock: ChildProcess;
let base: string;

beforeAll(async () => {
  mock = spawn(
    'node_modules/.bin/tsx',
    ['--conditions=source', 'local/payment-sandbox/stripe-mock.ts', '--if-built'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  if (mock.stdout === null) throw new Error('no output');
  [base] = (await once(createInterface(mock.stdout), 'line')) as [string];
});
afterAll(() => mock.kill('SIGTERM'));

const kept = (): ReferenceStore => {
  const references = new Map<string, string | null>();
  return {
    find: async (key) => references.get(key),
    keep: async (key, reference) => {
      if (!references.has(key)) references.set(key, reference);
      return references.get(key) ?? null;
    },
  };
};

const stripeOf = (apiBase: string) => createStripe({ secretKey: 'sk_test_1', apiBase, timeoutMs: 5000 });

const money = { amountMinor: 1999, currency: 'EUR' };
const { signal } = new AbortController();

test('Stripe’s mock accepts each call, and finds what each one has made', async ({ skip }) => {
  if (base === 'not built') skip('stripe-mock is not built here: npm run stripe-mock');
  const stripe: PaymentProvider = createStripeProvider(stripeOf(base), kept());
  const orderId = newId(handClock());
  const [authorize, capture, refund] = ['authorize', 'capture', 'refund:1'].map(
    (what) => `${orderId}:${what}`,
  );
  const waits = { outcome: 'declined', reason: 'requires_payment_method' };
  for (const method of paymentMethods) {
    const key = `${authorize}:${method}`;
    expect(await stripe.authorize({ ...money, key, method, token: 'pm_card_visa' }, signal)).toEqual(waits);
    expect(await stripe.find({ key, kind: 'authorize', captureKey: '' }, signal)).toEqual(waits);
  }
  const authorizationKey = `${authorize}:card`;
  expect(await stripe.find({ key: 'unknown', kind: 'authorize', captureKey: '' }, signal)).toBeNull();
  const done = { outcome: 'done' };
  expect(await stripe.capture({ ...money, key: `${capture}`, authorizationKey }, signal)).toEqual(done);
  const ofCapture = { key: `${refund}`, captureKey: `${capture}` };
  expect(await stripe.refund({ ...money, ...ofCapture }, signal)).toEqual(done);
  expect(await stripe.find({ ...ofCapture, kind: 'refund' }, signal)).toEqual(done);
  expect(await stripe.find({ ...ofCapture, key: 'unknown', kind: 'refund' }, signal)).toBeNull();
  expect(await stripe.void({ key: `${orderId}:void`, authorizationKey }, signal)).toBe(false);
});

test('Stripe’s mock refuses what Stripe does not have', async ({ skip }) => {
  if (base === 'not built') skip('stripe-mock is not built here: npm run stripe-mock');
  const unknown = stripeOf(base).refunds.create({ payment_intent: 'pi_1', colour: 'red' } as never);
  await expect(unknown).rejects.toMatchObject({ type: 'StripeInvalidRequestError' });
});
