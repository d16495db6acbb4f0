import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { eventually } from '#platform/testing/eventually';
import { sleep } from '#platform/waiting/sleep';
import { logIn, openDashboard, sidewaysScroll } from './web/browser.js';
import { goToPayment, password, pay, register } from './web/buying.js';
import { usePages } from './web/pages.js';

/** The pages where something is in the way: an answer that is late or lost, a browser that keeps nothing, no pointer. */

const pages = usePages();
const { run, shop, arrive, newProduct } = pages;

const newEmail = (): string => `ada-${randomUUID()}@example.com`;

/** What the test itself has kept from the page stands on the console as well, and which headers are for TLS alone. */
const others = (errors: readonly string[]): string[] =>
  errors.filter((error) => !/Failed to load resource|Cross-Origin-Opener-Policy header/.test(error));

describe('a visitor', () => {
  it('who pays over a slow network reads nothing of an empty cart before the order is shown', async () => {
    const productId = await newProduct('Slow lampion');
    const { page, errors } = await arrive();
    await goToPayment(page, run.gateway, productId);
    await page.evaluate(`new MutationObserver(() => {
      globalThis.wasEmpty ||= document.body.textContent.includes('There is nothing to pay');
    }).observe(document.body, { childList: true, subtree: true, characterData: true })`);
    const script = Promise.withResolvers<void>();
    await page.route('**/assets/*.js', async (route) => {
      await script.promise;
      await route.continue();
    });
    const asked = page.waitForRequest((request) => request.url().endsWith('.js'));
    await pay(page, 'Accepted');
    await asked;
    // The page has drawn what it makes of the accepted order.
    await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
    script.resolve();
    await page.getByRole('heading', { level: 1, name: 'Your order is confirmed.' }).waitFor();
    await page.getByRole('link', { name: 'Cart, 0 items' }).waitFor();
    expect(await page.evaluate('globalThis.wasEmpty ?? false')).toBe(false);
    expect(errors).toEqual([]);
  });

  it('who presses a link over a slow network sees that it was taken', async () => {
    const { page, errors } = await arrive();
    await page.goto(run.gateway);
    const link = page.getByRole('link', { name: 'Log in' });
    await link.waitFor();
    const script = Promise.withResolvers<void>();
    await page.route('**/assets/*.js', async (route) => {
      await script.promise;
      await route.continue();
    });
    await link.click();
    await page.getByText('Loading the page').waitFor({ state: 'attached' });
    script.resolve();
    await page.getByRole('heading', { level: 1, name: 'Log in' }).waitFor({ state: 'attached' });
    expect(errors).toEqual([]);
  });

  it('who presses a link without a network keeps the shop, and goes on when it is back', async () => {
    const { page, context, errors } = await arrive();
    await page.goto(run.gateway);
    const link = page.getByRole('link', { name: 'Everything' });
    await link.waitFor();
    await context.setOffline(true);
    await link.click();
    await page.getByText('No connection').waitFor();
    await page.getByText('You are offline.').waitFor();
    await context.setOffline(false);
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByRole('heading', { level: 1, name: 'Everything in the shop' }).waitFor();
    expect(others(errors).filter((error) => !error.includes('Unreachable'))).toEqual([]);
  });

  it('reads whatever others have called things on a narrow phone, without scrolling sideways', async () => {
    const word = 'Wolfeschlegelsteinhausenbergerdorff'.repeat(4);
    const made = await shop.call<{ id: string }>('POST', '/api/products', {
      token: pages.admin,
      body: {
        name: word,
        category: `living/${word.slice(0, 60).toLowerCase()}`,
        brand: word.slice(0, 100),
        description: word,
        tags: [word.slice(0, 50)],
        attributes: { material: word },
        price: { amountMinor: 1999, currency: 'GBP' },
        initialStock: 5,
      },
    });
    expect(made.status).toBe(201);
    const { page, errors } = await arrive();
    for (const path of [`/products/${made.body.id}`, '/categories/living']) {
      await page.goto(run.gateway + path);
      await page.getByText(word.slice(0, 60)).first().waitFor();
      await page.locator('[aria-busy="true"]').first().waitFor({ state: 'detached' });
      expect(await sidewaysScroll(page), path).toBe(0);
    }
    expect(errors).toEqual([]);
  });

  it.each([
    ['whose browser keeps nothing', run.gateway, true],
    ['who came over a network without TLS', run.gateway.replace('127.0.0.1', 'shop.example'), false],
  ])('%s buys all the same', async (_, gateway, keepsNothing) => {
    const productId = await newProduct('Kept lampion');
    const { page, errors } = await arrive();
    if (keepsNothing)
      await page.addInitScript(`for (const name of ['localStorage', 'sessionStorage'])
        Object.defineProperty(window, name, { get() { throw new DOMException('denied', 'SecurityError'); } });`);
    await goToPayment(page, gateway, productId);
    expect(await page.evaluate('isSecureContext')).toBe(keepsNothing);
    await pay(page, 'Accepted');
    await page.getByRole('heading', { level: 1, name: 'Your order is confirmed.' }).waitFor();
    expect(others(errors)).toEqual([]);
  });

  it('who uses the keyboard goes on where he was when a dialog ends or a step is done, and whose press comes twice still sees his cart', async () => {
    const productId = await newProduct('Pressed lampion');
    const { page, errors } = await arrive();
    await page.goto(`${run.gateway}/products/${productId}`);
    const add = page.getByRole('button', { name: 'Add to cart' });
    await add.press('Enter');
    await page.getByRole('button', { name: 'Keep looking' }).press('Enter');
    const dialog = page.getByRole('dialog');
    await dialog.waitFor({ state: 'detached' });
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Add to cart');
    await add.dblclick();
    await page
      .getByRole('link', { name: 'Cart, 2 items', includeHidden: true })
      .waitFor({ state: 'attached' });
    expect(await dialog.isVisible()).toBe(true);
    await dialog.getByRole('link', { name: 'Go to the checkout' }).press('Enter');
    await page.getByLabel('E-mail').fill('ada@example.com');
    await page.keyboard.press('Enter');
    await page.getByLabel('Street and number').waitFor();
    const { tagName, textContent } = await page.evaluate<{ tagName: string; textContent: string }>(
      '(({ tagName, textContent }) => ({ tagName, textContent }))(document.activeElement)',
    );
    expect([tagName, textContent]).toEqual(['H2', '2Delivery']);
    expect(errors).toEqual([]);
  });

  it('logs in while the carts are away', async () => {
    const { page, errors } = await arrive();
    await page.route('**/api/cart', (route) =>
      route.fulfill({ status: 503, headers: { 'retry-after': '15' }, json: { code: 'service_unavailable' } }),
    );
    await register(page, run.gateway, { name: 'Ada', email: newEmail(), next: '/account/data' });
    await page.getByText('Take it with you').waitFor();
    expect(others(errors)).toEqual([]);
  });

  it('who is logged in sees the shop while the accounts are away, and is still logged in when they are back', async () => {
    const productId = await newProduct('Public lampion');
    const { page, errors } = await arrive();
    await register(page, run.gateway, { name: 'Ada', email: newEmail(), next: '/account/data' });
    await page.getByText('Take it with you').waitFor();
    await page.route('**/api/auth/refresh', (route) =>
      route.fulfill({ status: 503, headers: { 'retry-after': '1' }, json: { code: 'service_unavailable' } }),
    );
    await page.goto(`${run.gateway}/products/${productId}`);
    await page.getByRole('heading', { level: 1, name: 'Public lampion' }).waitFor();
    await page.unroute('**/api/auth/refresh');
    await page.goto(`${run.gateway}/account/sessions`);
    await page.getByText('This browser').waitFor();
    expect(others(errors)).toEqual([]);
  });

  it('who finds a session that is not his ends it', async () => {
    const { page, errors } = await arrive();
    const email = newEmail();
    await register(page, run.gateway, { name: 'Ada', email, next: '/account/sessions' });
    await page.getByText('This browser').waitFor();
    const stranger = await shop.call<{ refreshToken: string }>('POST', '/api/auth/login', {
      body: { email, password },
    });
    await page.reload();
    const end = page.getByRole('button', { name: 'End this session' });
    await end.click();
    await end.waitFor({ state: 'detached' });
    const { refreshToken } = stranger.body;
    expect((await shop.call('POST', '/api/auth/refresh', { body: { refreshToken } })).status).toBe(401);
    expect(errors).toEqual([]);
  });

  it('who changes two choices at once has both, whichever answer is late', async () => {
    const { page, errors } = await arrive();
    await register(page, run.gateway, { name: 'Ada', email: newEmail(), next: '/account/preferences' });
    await page.getByText('About what').waitFor();
    const choices = ['SMS', 'Push'].map((name) => page.getByRole('checkbox', { name }));
    const chosen = () => Promise.all(choices.map((choice) => choice.isChecked()));
    const before = await chosen();
    const second = Promise.withResolvers<void>();
    let [sent, answered] = [0, 0];
    await page.route('**/notification-preferences', async (route) => {
      if (route.request().method() !== 'PUT') return route.continue();
      sent += 1;
      const isFirst = sent === 1;
      // Late, and overtaken by the second one if that does not wait for it.
      if (isFirst) await Promise.race([second.promise, sleep(500)]);
      await route.fulfill({ response: await route.fetch() });
      answered += 1;
      if (!isFirst) second.resolve();
    });
    for (const choice of choices) await choice.click();
    await eventually(() => answered === 2);
    await page.reload();
    await choices[0]?.waitFor();
    expect(await chosen()).toEqual(before.map((is) => !is));
    expect(errors).toEqual([]);
  });
});

describe('an operator', () => {
  it('whose refund was not answered gives it once, with what was typed kept while the order does not answer', async () => {
    const productId = await newProduct('Refunded lampion');
    const buyer = await shop.registerCustomer();
    const { id } = (await shop.placeOrder({ token: buyer.token, items: [{ productId, quantity: 1 }] })).body;
    const payment = await eventually(async () => {
      const { body } = await shop.call<{ items: { id: string; status: string }[] }>(
        'GET',
        `/api/payments?orderId=${id}`,
        { token: pages.admin },
      );
      const found = body.items.find(({ status }) => status === 'captured');
      return found ?? expect.fail('no money is taken');
    });
    const { page, errors } = await arrive();
    await page.goto(`${run.gateway}/admin/orders/${id}`);
    await logIn(page, { email: run.adminEmail, password: run.adminPassword });
    const dialog = page.getByRole('dialog');
    const fill = async (): Promise<void> => {
      await page.getByRole('button', { name: 'Refund', exact: true }).click();
      await dialog.getByLabel('Amount in GBP').fill('5.00');
      await dialog.getByLabel('Reason').fill('it came late');
    };
    await page.getByText(/^Confirmed in/).waitFor();
    await fill();
    await page.route('**/timeline', (route) =>
      route.fulfill({ status: 500, json: { code: 'internal_error' } }),
    );
    await shop.call('POST', `/api/orders/${id}/fulfilment`, {
      token: pages.admin,
      body: { status: 'shipped' },
    });
    await page.getByRole('alert').waitFor({ state: 'attached' });
    expect(await dialog.getByLabel('Reason').inputValue()).toBe('it came late');
    await page.unroute('**/timeline');

    await page.route('**/refunds', async (route) => {
      await route.fetch();
      await route.abort();
    });
    await dialog.getByRole('button', { name: 'Refund' }).click();
    await dialog.getByText('No connection').waitFor();
    await page.unroute('**/refunds');
    await dialog.getByRole('button', { name: 'Leave it' }).click();
    await fill();
    await dialog.getByRole('button', { name: 'Refund' }).click();
    await page.getByText('Refund: asked for.').waitFor();
    const { body } = await shop.call<{ items: { kind: string }[] }>(
      'GET',
      `/api/payments/${payment.id}/history`,
      { token: pages.admin },
    );
    expect(body.items.filter(({ kind }) => kind === 'refund')).toHaveLength(1);
    expect(others(errors)).toEqual([]);
  }, 60_000);

  it('of support reads who may look for an e-mail, and finds the order of a payment', async () => {
    const email = newEmail();
    const made = await shop.call<{ user: { id: string; version: number } }>('POST', '/api/auth/register', {
      body: { email, password, name: 'Ada' },
    });
    const { id, version } = made.body.user;
    const given = await shop.call('PUT', `/api/users/${id}/roles`, {
      token: pages.admin,
      headers: { 'if-match': `"${version}"` },
      body: { roles: ['support'] },
    });
    expect(given.status).toBe(200);
    const productId = await newProduct('Looked for lampion');
    const buyer = await shop.registerCustomer();
    const order = (await shop.placeOrder({ token: buyer.token, items: [{ productId, quantity: 1 }] })).body;
    const payments = `/api/payments?orderId=${order.id}`;
    const paymentId = await eventually(async () => {
      const { body } = await shop.call<{ items: { id: string }[] }>('GET', payments, { token: pages.admin });
      return body.items[0]?.id ?? expect.fail('no payment yet');
    });
    const { page, errors } = await arrive();
    await page.goto(`${run.gateway}/admin/nothing-here`);
    await logIn(page, { email, password });
    await page.getByRole('heading', { level: 1, name: 'Nothing at this address' }).waitFor();
    const search = page.getByLabel('Find an order by its id');
    await search.fill(email);
    await search.press('Enter');
    await page.getByText('By e-mail only the orders of guests are found').waitFor();
    await search.fill(paymentId);
    await search.press('Enter');
    await page.getByRole('heading', { level: 1, name: `Order ${order.id.slice(-8)}` }).waitFor();
    await page.getByTestId('verdict').waitFor();
    expect(others(errors)).toEqual([]);
  });

  it('whose clock is ahead reads figures as old as they are', async () => {
    const { page, errors } = await arrive();
    await page.clock.setSystemTime(Date.now() + 600_000);
    await openDashboard(page, run);
    await page
      .getByRole('region', { name: /^Net revenue by/ })
      .getByText(/^complete to/)
      .waitFor();
    expect(errors).toEqual([]);
  });
});
