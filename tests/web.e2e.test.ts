import type { Locator, Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { eventually } from '#platform/testing/eventually';
import { type Loading, measureLoading, openDashboard, photograph, timeOfRise } from './web/browser.js';
import { goToPayment, pay } from './web/buying.js';
import { heading, priceMinor, usePages } from './web/pages.js';

/** The shop within the seconds that its visitors are promised, with nothing else on the platform. */

const pages = usePages();
const { run, shop, arrive, newProduct } = pages;

const addressesOf = (links: Locator): Promise<string[]> =>
  links.evaluateAll((found) => found.map((link) => link.getAttribute('href') ?? ''));

const shelfOf = (page: Page): Locator => page.getByRole('region', { name: 'Picked for this visit' });

/** The products on the shelf that is picked for this visit. */
const pickedFor = async (page: Page): Promise<string[]> => {
  const links = shelfOf(page).getByRole('link');
  await links.first().waitFor();
  return addressesOf(links);
};

/** Their bounds are seconds of a page's user. A machine that others use may stand still for as long, so they may try again. */
const onASharedMachine = { retry: 2 };

describe('a visitor', () => {
  it(
    'finds a product by a misspelt search, whose shelf follows a second view, buys it as a guest, sees the order confirm live, and sends it back',
    onASharedMachine,
    async () => {
      const productId = await newProduct('Zeppelin lampion', 5);
      const [{ page, errors }, staff] = [await arrive(), await arrive()];
      const dashboard = openDashboard(staff.page, run);
      await page.goto(run.gateway);
      const picked = await pickedFor(page);
      await photograph(page, 'home');
      await eventually(async () => {
        const found = await shop.call<{ items: { id: string }[] }>(
          'GET',
          '/api/products/search?q=zeppelin&limit=100',
        );
        return found.body.items.some(({ id }) => id === productId);
      });

      const search = page.getByRole('combobox', { name: 'Search the shop' });
      await search.fill('zepelin lampoin');
      await search.press('Enter');
      await page.getByText('Showing results for').waitFor();
      await photograph(page, 'search');
      await page.locator(`a[href="/products/${productId}"]`).first().click();
      await heading(page, 'Zeppelin lampion').waitFor();
      await photograph(page, 'product');
      // The shelves show what is like it, or what others buy: one of them is looked at as well.
      const others = page.locator('section li a[href^="/products/"]');
      const other = await eventually(async () => {
        const found = await addressesOf(others);
        return (
          found.find((address) => !picked.includes(address)) ?? expect.fail('nothing else is on a shelf')
        );
      });
      // None of them was on the shelf of a visit without views.
      const viewed = [`/products/${productId}`, other];
      await page.locator(`section li a[href="${other}"]`).first().click();
      await page.waitForURL(`**${other}`);
      const viewedAtMs = Date.now();
      await eventually(async () => {
        await page.goto(run.gateway);
        const links = await pickedFor(page);
        const isNamed = (await shelfOf(page).textContent())?.includes('Zeppelin lampion') === true;
        expect(isNamed || viewed.some((address) => links.includes(address))).toBe(true);
      });
      expect(Date.now() - viewedAtMs, 'until the shelf followed his views').toBeLessThanOrEqual(5_000);
      await goToPayment(page, run.gateway, productId);
      await photograph(page, 'checkout');

      await dashboard;
      await photograph(staff.page, 'dashboard');
      const shownAtMs = timeOfRise(staff.page, 'tile-net', priceMinor / 100);
      await page.evaluate('globalThis.isSamePage = true');
      await pay(page, 'Slow');
      // The bank takes two seconds, in which the page has no news to wait for but the stream's.
      await heading(page, /^(We have your order|Everything is set aside)/).waitFor();
      await photograph(page, 'order-open');
      await heading(page, 'Your order is confirmed.').waitFor();
      const confirmedAtMs = Date.now();
      expect((await shownAtMs) - confirmedAtMs, 'until it is in the revenue').toBeLessThanOrEqual(2_000);
      await page.getByText('Card, paid').waitFor();
      expect(await page.evaluate('globalThis.isSamePage')).toBe(true);
      await page.getByRole('link', { name: 'Cart, 0 items' }).waitFor();
      await photograph(page, 'order-confirmed');

      // What has not left is cancelled; what has left is sent back.
      const back = page.getByRole('link', { name: 'Send something back' });
      expect(await back.count()).toBe(0);
      const shipped = await shop.call('POST', `/api${new URL(page.url()).pathname}/fulfilment`, {
        token: pages.admin,
        body: { status: 'shipped', carrier: 'Parcel', trackingNumber: 'Z1' },
      });
      expect(shipped.status).toBe(200);
      await page.reload();
      await back.click();
      await page.getByRole('checkbox').check();
      await page.getByLabel('Why').selectOption('It does not fit');
      await page.getByRole('button', { name: 'Send 1 piece back' }).click();
      await page.getByText('Noted. £19.99 goes back to you.').waitFor();
      expect([...errors, ...staff.errors]).toEqual([]);
    },
  );
});

describe('every page of the shop', () => {
  it(
    'comes quickly: script, largest paint and layout shift of a first visit are within their budgets',
    onASharedMachine,
    async () => {
      const loads: Loading[] = [];
      for (let visit = 0; visit < 3; visit += 1) {
        const { page, context } = await arrive({ reducedMotion: 'no-preference' });
        loads.push(await measureLoading(page, run.gateway));
        await context.close();
      }
      // Other work of the machine can make a visit slower, never faster.
      const best = (of: (load: Loading) => number) => Math.min(...loads.map(of));
      expect(best(({ scriptBytes }) => scriptBytes)).toBeGreaterThan(50_000);
      expect(Math.max(...loads.map(({ scriptBytes }) => scriptBytes))).toBeLessThanOrEqual(130_000);
      expect(best(({ largestPaintMs }) => largestPaintMs)).toBeGreaterThan(0);
      expect(best(({ largestPaintMs }) => largestPaintMs)).toBeLessThanOrEqual(1800);
      expect(Math.max(...loads.map(({ layoutShift }) => layoutShift))).toBeLessThanOrEqual(0.02);
    },
  );
});
