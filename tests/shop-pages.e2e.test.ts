import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { eventually } from '#platform/testing/eventually';
import { accessibilityFindings, photograph, sidewaysScroll, type Visitor } from './web/browser.js';
import { goToPayment, pay } from './web/buying.js';
import { heading, usePages } from './web/pages.js';

/** The shop as people see it: real Chromium on the gateway of the running platform. */

const pages = usePages();
const { run, shop, arrive, newProduct } = pages;

/** What the server has in the cart of this page's guest. */
const cartOf = async (page: Page) => {
  const cartId = await page.evaluate<string>("localStorage.getItem('cartstream.cart')");
  const cart = await shop.call<{ pieces: number; total: { amountMinor: number } | null }>(
    'GET',
    '/api/cart',
    {
      headers: { 'x-cart-id': cartId },
    },
  );
  return cart.body;
};

/** The product costs so much from now on, also in the cart of this page. */
const changePrice = async (page: Page, productId: string, amountMinor: number): Promise<void> => {
  const address = `/api/products/${productId}`;
  const { body, headers } = await shop.call<{ name: string; category: string }>('GET', address);
  const changed = await shop.call('PUT', address, {
    token: pages.admin,
    headers: { 'if-match': headers.get('etag') ?? '' },
    body: { name: body.name, category: body.category, price: { amountMinor, currency: 'GBP' } },
  });
  expect(changed.status).toBe(200);
  await eventually(async () => (await cartOf(page)).total?.amountMinor === amountMinor);
};

describe('a visitor', () => {
  it('whose payment is declined has the goods in the cart again by one press, sees a new price before it is paid, and finds the order whose answer was lost', async () => {
    const productId = await newProduct('Declined lampion', 5);
    const { page, errors } = await arrive();
    await goToPayment(page, run.gateway, productId);
    await pay(page, 'Declined');
    await heading(page, 'The payment was declined').waitFor();
    await photograph(page, 'order-declined');
    await page.getByRole('button', { name: 'Pay another way' }).click();
    await page.getByRole('button', { name: 'Pay £19.99' }).waitFor();
    await eventually(async () => (await cartOf(page)).pieces === 1);
    // The page that put the goods back may still be reading its cart, and would show the new price by itself.
    await page.reload();
    await page.getByRole('button', { name: 'Pay £19.99' }).waitFor();
    // A try that did not arrive, whose repeat is the same order.
    await page.route('**/api/orders', (route) => route.abort());
    const readAgain = page.waitForResponse((response) => response.url().endsWith('/api/cart'));
    await pay(page, 'Accepted');
    await page.waitForEvent('requestfailed', (request) => request.url().endsWith('/api/orders'));
    await readAgain;
    await page.unroute('**/api/orders');
    await changePrice(page, productId, 2499);
    await pay(page, 'Accepted');
    await page.getByText('it costs £24.99 now').waitFor();

    await page.route('**/api/orders', async (route) => {
      await route.fetch();
      await route.abort();
    });
    const lost = page.waitForEvent('requestfailed', (request) => request.url().endsWith('/api/orders'));
    await pay(page, 'Accepted', '£24.99');
    await lost;
    const finish = page.getByRole('button', { name: 'Finish the order' });
    await eventually(async () => {
      await page.reload();
      await finish.waitFor({ timeout: 1_000 });
    });
    await page.unroute('**/api/orders');
    await finish.click();
    await heading(page, 'Your order is confirmed.').waitFor();
    // The answers that this test has kept from the page, and no other error.
    expect(errors.filter((error) => !error.endsWith('net::ERR_FAILED'))).toEqual([]);
  });

  it('to whom the last piece is lost while paying reads that nothing was charged', async () => {
    const productId = await newProduct('Last lampion', 1);
    const { page, errors } = await arrive();
    await goToPayment(page, run.gateway, productId);
    const other = await shop.registerCustomer();
    const placed = await shop.placeOrder({ token: other.token, items: [{ productId, quantity: 1 }] });
    expect((await shop.settled(placed.body.id, other.token)).status).toBe('confirmed');
    await pay(page, 'Accepted');
    await heading(page, 'Somebody was faster').waitFor();
    await page.getByText('Nothing was charged').waitFor();
    await photograph(page, 'order-sold-out');
    expect(errors).toEqual([]);
  });

  it('who finds nothing is counted with the words that found nothing, and who finds something is not', async () => {
    const { page, errors } = await arrive();
    const word = `zqxw${Date.now()}`;
    await page.goto(`${run.gateway}/search?q=${word}`);
    await page.getByText('Nothing found').waitFor();
    await newProduct(`${word} lampion`, 1);
    await eventually(async () => {
      await page.goto(`${run.gateway}/search?q=${word}`);
      await page.getByText('1 product found.').waitFor({ timeout: 1_000 });
    });
    await eventually(
      async () => {
        const { body } = await shop.call<{
          items: { term: string; searches: number; withoutResult: number }[];
        }>('GET', '/api/analytics/searches?by=withoutResult&limit=100', { token: pages.admin });
        const found = body.items.find(({ term }) => term === word);
        expect(found).toMatchObject({ resultsKnown: found?.searches });
        // All but the last search, which found the product.
        expect(found?.withoutResult).toBeGreaterThan(0);
        expect(found?.withoutResult).toBe((found?.searches ?? 0) - 1);
      },
      { timeoutMs: 30_000, everyMs: 500 },
    );
    expect(errors).toEqual([]);
  });

  it('who adds a piece before the page has read the cart has one more, not one in all', async () => {
    const productId = await newProduct('Early lampion', 5);
    const { page, errors } = await arrive();
    await page.goto(`${run.gateway}/products/${productId}`);
    const first = page.waitForResponse((answer) => answer.request().method() === 'PUT' && answer.ok());
    await page.getByRole('button', { name: 'Add to cart' }).click();
    await first;
    const read = Promise.withResolvers<void>();
    await page.route('**/api/cart', async (route) => {
      await read.promise;
      await route.continue();
    });
    await page.reload();
    const second = page.waitForResponse((answer) => answer.request().method() === 'PUT' && answer.ok());
    await page.getByRole('button', { name: 'Add to cart' }).click();
    read.resolve();
    await second;
    expect((await cartOf(page)).pieces).toBe(2);
    expect(errors).toEqual([]);
  });

  it('who removes a line can undo it, and has the same cart after a reload and after opening an account', async () => {
    const productId = await newProduct('Undone lampion', 5);
    const { page, context, errors } = await arrive();
    await page.goto(`${run.gateway}/products/${productId}`);
    // The page is left while the answer, with the id of the cart, is under way.
    await page.route('**/api/cart/items/*', () => {});
    const asked = page.waitForRequest((request) => request.method() === 'PUT');
    await page.getByRole('button', { name: 'Add to cart' }).click();
    await asked;
    await page.unroute('**/api/cart/items/*');
    await page.goto(`${run.gateway}/checkout`);
    await page.getByRole('region', { name: 'Your order' }).getByText('Undone lampion').waitFor();
    await page.goto(`${run.gateway}/cart`);
    await page.getByRole('button', { name: 'Remove Undone lampion' }).click();
    await page.getByText('Nothing in it yet').waitFor();
    await page.getByRole('button', { name: 'Undo' }).click();
    const written = page.waitForResponse((answer) => answer.request().method() === 'PUT' && answer.ok());
    await page.getByRole('button', { name: 'Quantity of Undone lampion: one more' }).click();
    await written;
    const otherTab = await context.newPage();
    await otherTab.goto(`${run.gateway}/cart`);
    await otherTab.getByRole('link', { name: 'Cart, 2 items' }).waitFor();
    // The page is left before its change is sent.
    await page.getByRole('button', { name: 'Quantity of Undone lampion: one more' }).click();
    await page.goto('about:blank');
    await eventually(async () => (await cartOf(otherTab)).pieces === 3);
    await page.goto(`${run.gateway}/cart`);
    await page.getByRole('link', { name: 'Cart, 3 items' }).waitFor();
    await page.getByRole('button', { name: 'Quantity of Undone lampion: one less' }).click();
    await otherTab.getByRole('link', { name: 'Cart, 2 items' }).waitFor();
    await page.goto(`${run.gateway}/register?next=/cart`);
    await page.getByLabel('Name').fill('Grace Hopper');
    await page.getByLabel('E-mail').fill(`grace-${productId}@example.com`);
    await page.getByLabel('Password').fill('correct horse battery');
    await page.keyboard.press('Enter');
    await heading(page, 'Your cart').waitFor();
    await page.getByRole('link', { name: 'Cart, 2 items' }).waitFor();
    expect(errors).toEqual([]);
  });
});

describe('every page of the shop', () => {
  it('has no serious finding of axe-core in either theme, and does not scroll sideways at 320 pixels', async () => {
    const productId = await newProduct(`Looked at lampion ${'W'.repeat(60)}`, 5);
    const findings: string[] = [];
    // The contrast of every pair of colours is tested by itself, in both themes: here those on pictures and covers.
    const withPictures = new Set(['/', '/cart', `/products/${productId}`]);
    const measure = async (page: Page, what: string): Promise<void> => {
      const beyond = await sidewaysScroll(page);
      if (beyond > 0) findings.push(`${what} scrolls ${beyond} px sideways`);
    };
    const look = async (page: Page, path: string, ready: string | RegExp): Promise<void> => {
      const themes = withPictures.has(path) ? undefined : (['light'] as const);
      await page.goto(run.gateway + path);
      await page.getByText(ready).first().waitFor();
      await page.locator('[aria-busy="true"]').first().waitFor({ state: 'detached' });
      findings.push(...(await accessibilityFindings(page, themes)));
      await measure(page, path);
    };
    const asGuest = async ({ page }: Visitor): Promise<void> => {
      await look(page, '/', 'Picked for this visit');
      await look(page, '/categories/living', 'Within');
      await look(page, '/search?q=lampion', 'found.');
      await look(page, '/search?q=qqqqqqqqqq', 'Nothing found');
      await look(page, `/products/${productId}`, 'What buyers say');
      await look(page, '/cart', 'Nothing in it yet');
      await look(page, '/login', 'Password forgotten');
      await look(page, '/platform', 'What to try');
    };
    const asBuyer = async ({ page }: Visitor): Promise<void> => {
      await goToPayment(page, run.gateway, productId);
      findings.push(...(await accessibilityFindings(page, ['light'])));
      await measure(page, 'the payment');
      await pay(page, 'Accepted');
      await heading(page, 'Your order is confirmed.').waitFor();
      findings.push(...(await accessibilityFindings(page)));
      await look(page, '/register?next=/account', 'Open an account');
      await page.getByLabel('Name').fill('Joan Clarke');
      await page.getByLabel('E-mail').fill(`joan-${productId}@example.com`);
      await page.getByLabel('Password').fill('correct horse battery');
      await page.keyboard.press('Enter');
      await heading(page, 'Hello, Joan').waitFor();
      for (const [path, ready] of [
        ['/account', 'No orders yet'],
        ['/account/addresses', 'No addresses yet'],
        ['/account/preferences', 'About what'],
        ['/account/sessions', 'This browser'],
        ['/account/data', 'Take it with you'],
      ] as const)
        await look(page, path, ready);
    };
    const [guest, buyer] = [await arrive(), await arrive()];
    await Promise.all([asGuest(guest), asBuyer(buyer)]);
    expect(findings).toEqual([]);
    expect([...guest.errors, ...buyer.errors]).toEqual([]);
  }, 240_000);
});
