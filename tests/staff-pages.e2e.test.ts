import { randomUUID } from 'node:crypto';
import type { Page } from 'playwright-core';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connectBroker } from '#platform/messaging/connect-broker';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { testHost } from '#platform/testing/test-host';
import { topics } from '#schemas/topics';
import {
  accessibilityFindings,
  logIn,
  measureLoading,
  photograph as photographOf,
  sidewaysScroll,
} from './web/browser.js';
import { usePages } from './web/pages.js';

/** The pages of staff as they see them: real Chromium on the gateway of the running platform. */

const pages = usePages();
const { run, shop, arrive } = pages;
const orderOverdueMs = 90_000;

let page: Page;
let stuckId: string;
let errors: string[] = [];

beforeAll(async () => {
  if (!pages.canOpen) return;
  stuckId = await place('tok_timeout');
  ({ page, errors } = await arrive({ locale: 'en-GB' }));
  await page.goto(`${run.gateway}/admin`);
  await logIn(page, { email: run.adminEmail, password: run.adminPassword });
  await page.getByRole('heading', { level: 1, name: 'What is wrong now' }).waitFor();
}, 60_000);
afterEach(() => expect(errors.splice(0), 'errors on the console').toEqual([]));

/** A guest's order of a new product. */
const place = async (paymentToken: string): Promise<string> => {
  const productId = await shop.createProduct(pages.admin, { initialStock: 5 });
  const buyer = await shop.registerCustomer();
  const placed = await shop.placeOrder({
    token: buyer.token,
    items: [{ productId, quantity: 1 }],
    paymentToken,
  });
  return placed.body.id;
};

const photograph = (name: string) => photographOf(page, name);

const orderOf = async (id: string) =>
  (
    await shop.call<{ status: string; total: { amountMinor: number } }>('GET', `/api/orders/${id}`, {
      token: pages.admin,
    })
  ).body;

describe('an operator', () => {
  it('finds a guest’s order by the e-mail and by the end of the id', async () => {
    const email = `guest-${randomUUID()}@example.org`;
    const productId = await shop.createProduct(pages.admin, { initialStock: 5 });
    const { body } = await shop.placeOrder({ email, items: [{ productId, quantity: 1 }] });
    const search = page.getByLabel('Find an order by its id');
    const found = page.getByRole('link', { name: body.id.slice(-8) });
    for (const asked of [email.toUpperCase(), body.id.slice(-8)]) {
      await page.goto(`${run.gateway}/admin`);
      await search.fill(asked);
      await search.press('Enter');
      await found.waitFor();
    }
  });

  it('finds a dead letter on the first page and replays it', async () => {
    const broker = await connectBroker(testHost(), engines().kafka);
    const producer = await broker.producer();
    await producer.send([
      { topic: topics.reviews.topic, key: randomUUID(), value: Buffer.from('no review') },
    ]);
    await producer.close();
    await page.goto(`${run.gateway}/admin`);
    const line = page
      .getByRole('listitem')
      // The consumers of the services take replays; those of the jobs do not.
      .filter({ hasText: `of ${topics.reviews.topic} could not be handled by product.` });
    await line.first().waitFor();
    await photograph('admin-now');
    await line.first().getByRole('link', { name: 'Look and replay' }).click();
    await page.getByRole('button', { name: 'Replay', exact: true }).first().click();
    await page.getByText('Replayed. If it fails again it comes back here.').waitFor();
    await page
      .getByText(/^(replayed|waiting, came back)/)
      .first()
      .waitFor();
    await photograph('admin-dead-letters');
  }, 60_000);

  it('sees on the first page who orders strikingly often, and opens the order', async () => {
    const productId = await shop.createProduct(pages.admin, { initialStock: 5 });
    const { token, userId } = await shop.registerCustomer();
    for (let nth = 0; nth < 5; nth += 1)
      await shop.placeOrder({ token, items: [{ productId, quantity: 1 }], paymentToken: 'tok_ok' });
    await page.goto(`${run.gateway}/admin`);
    const signal = page
      .getByRole('region', { name: 'Signals of fraud' })
      .getByRole('link', { name: `5 orders of account ${userId.slice(-8)} within ten minutes` });
    await signal.waitFor();
    await photograph('admin-fraud-signals');
    await signal.click();
    await page.getByRole('button', { name: /OrderPlaced/ }).waitFor();
  }, 60_000);

  it('sees a sold order whole, in one sentence', async () => {
    const id = await place('tok_ok');
    await eventually(async () => (await orderOf(id)).status === 'confirmed');
    await page.goto(`${run.gateway}/admin`);
    await page.getByRole('heading', { level: 1, name: 'What is wrong now' }).waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type(id);
    await page.keyboard.press('Enter');
    await page.getByText(/^Confirmed in \d+.* captured\.$/).waitFor();
    await page.getByRole('button', { name: /OrderPlaced/ }).click();
    await page.getByText('On the log').waitFor();
    await photograph('admin-order');
  });

  it('who goes from one order to another reads nothing of the first one there', async () => {
    const [first, second] = [await place('tok_ok'), await place('tok_ok')];
    const history = '/api/notifications/history';
    await eventually(
      async () => {
        const { body } = await shop.call<{ items: { orderId: string }[] }>('GET', `${history}?limit=100`, {
          token: pages.admin,
        });
        return body.items.some(({ orderId }) => orderId === first);
      },
      { timeoutMs: 30_000, message: 'no message about the order' },
    );
    await page.goto(`${run.gateway}/admin/orders/${first}`);
    const messages = page.getByRole('region', { name: 'Messages to the buyer' });
    await messages.getByRole('listitem').first().waitFor();
    const answer = Promise.withResolvers<void>();
    await page.route(`**${history}?*`, async (route) => {
      await answer.promise;
      await route.continue();
    });
    await page.keyboard.press('/');
    await page.keyboard.type(second);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: `Order ${second.slice(-8)}` }).waitFor();
    await messages.waitFor();
    expect(await messages.getByRole('listitem').count()).toBe(0);
    answer.resolve();
    // What is held goes on first: a route that is taken away meanwhile is handled twice.
    await page.unrouteAll({ behavior: 'wait' });
  }, 60_000);

  it('finds a stuck order from the first page and ends it', async () => {
    await page.goto(`${run.gateway}/admin`);
    const see = page.getByRole('link', { name: 'See them' });
    await see.waitFor({ timeout: orderOverdueMs });
    await see.click();
    const row = page.getByRole('row').filter({ hasText: stuckId.slice(-8) });
    await row.getByRole('link', { name: stuckId.slice(-8) }).click({ timeout: orderOverdueMs });
    await page.getByTestId('verdict').filter({ hasText: 'for payment to guarantee the money' }).waitFor();
    await photograph('admin-order-stuck');
    await page.getByRole('button', { name: 'Cancel order' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('1 held piece is free again').waitFor();
    await photograph('admin-order-cancelling');
    await dialog.getByRole('button', { name: 'Cancel order' }).click();
    await page.getByText(/^Cancelled after .*; its stock is free again/).waitFor();
    await photograph('admin-order-compensated');
  }, 150_000);

  it('closes a refund that the provider has refused once it is paid by other means', async () => {
    const id = await place('tok_refund_fails');
    await page.goto(`${run.gateway}/admin/orders/${id}`);
    const verdict = page.getByTestId('verdict');
    await verdict.filter({ hasText: /captured/ }).waitFor();
    const dialog = page.getByRole('dialog');
    await page.getByRole('button', { name: 'Cancel order' }).click();
    // What the page reads right after the act has no event of it yet, and its next look without a reason is 15 s away.
    const history = `/api/orders/${id}/timeline`;
    const { body: before } = await shop.call<object>('GET', history, { token: pages.admin });
    await page.route(`**${history}`, (route) => route.fulfill({ json: before }), { times: 1 });
    await dialog.getByRole('button', { name: 'Cancel order' }).click();
    await verdict
      .filter({ hasText: 'has failed, so ask for it again or pay it by other means' })
      .waitFor({ timeout: 12_000 });
    await page.getByRole('button', { name: 'Paid otherwise' }).click();
    await dialog.getByLabel('How it was paid').fill('a transfer, as the card is closed');
    await dialog.getByRole('button', { name: 'Paid otherwise' }).click();
    await verdict.filter({ hasText: /£[\d.]+ refunded\.$/ }).waitFor();
    const payment = page.getByRole('region', { name: 'Payment · refunded' });
    await payment.getByText('a transfer, as the card is closed').waitFor();
    expect(await page.getByRole('button', { name: 'Paid otherwise' }).count()).toBe(0);
  }, 60_000);
});

const addresses = [
  ...['', '/orders', '/orders/{stuck}', '/dead-letters', '/reconciliation', '/products', '/stock'].map(
    (path) => `/admin${path}`,
  ),
  ...['/reviews', '/recommendations', '/configuration?key=orders.paymentWaitMs', '/users'].map(
    (path) => `/admin${path}`,
  ),
  '/dashboard',
];

describe('the dashboard', () => {
  it('shows what was answered where another question has failed, and no figure for what was not', async () => {
    await place('tok_ok');
    const overview = '**/api/analytics/overview?*';
    await page.route(overview, (route) => route.fulfill({ status: 500, json: { code: 'internal_error' } }));
    await page.goto(`${run.gateway}/dashboard`);
    const figureOf = (metric: string) => page.getByTestId(`tile-${metric}`).textContent();
    await eventually(async () => expect(await figureOf('net')).toMatch(/^£[\d,]+\.\d\d$/), {
      timeoutMs: 30_000,
    });
    expect([await figureOf('visits'), await figureOf('conversion')]).toEqual(['–', '–']);
    const chart = page.getByRole('region', { name: /^Net revenue by/ });
    expect(await chart.textContent()).not.toContain('Nothing in this period');
    await page.unroute(overview);
    await page.getByRole('button', { name: 'Try again' }).click();
    await eventually(async () => expect(await figureOf('visits')).toMatch(/^[\d,]+$/));
    // The answers that this test has made, and no other error.
    expect(errors.splice(0).filter((error) => !error.includes('500'))).toEqual([]);
  }, 60_000);
});

describe('every page of staff', () => {
  it.each(addresses)('%s has no serious fault for those who cannot see or use a pointer', async (address) => {
    await page.goto(run.gateway + address.replace('{stuck}', stuckId));
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.locator('[aria-busy="true"]').first().waitFor({ state: 'detached' });
    expect(await accessibilityFindings(page, ['light'])).toEqual([]);
    expect(await sidewaysScroll(page)).toBe(0);
  });

  it.each([
    ['/dashboard', 170],
    ['/admin', 200],
  ])('%s loads at most %i kB of script', async (address, kiloBytesMax) => {
    const { page: first, context } = await arrive();
    const { scriptBytes: bytes } = await measureLoading(first, run.gateway + address);
    expect(bytes).toBeGreaterThan(10_000);
    expect(bytes / 1000).toBeLessThanOrEqual(kiloBytesMax);
    await context.close();
  });
});
