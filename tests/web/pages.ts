import type { BrowserContextOptions, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { runFilePath } from '#platform/testing/engines';
import { type RunFile, readRunFile, type Shop, shopAt } from '../shop.js';
import { findBrowser, noBrowser, openBrowser, type TestBrowser, type Visitor } from './browser.js';

export const priceMinor = 1999;

export type Pages = {
  run: RunFile;
  shop: Shop;
  /** False without Chromium: each test is skipped and says so. */
  canOpen: boolean;
  /** The token of an admin, once the tests have begun. */
  readonly admin: string;
  arrive(options?: BrowserContextOptions): Promise<Visitor>;
  /** Resolves to its id. It costs £19.99. */
  newProduct(name: string, initialStock?: number): Promise<string>;
};

/**
 * For a file of tests: real Chromium on the gateway of the running platform, closed after the last of them. Visitors
 * who arrive during a test leave with it, so that their pages follow no streams and draw nothing beside later tests.
 */
export const usePages = (): Pages => {
  const run = readRunFile(runFilePath());
  const shop = shopAt(run.gateway);
  const executable = findBrowser();
  let browser: TestBrowser;
  let admin: string;
  let isTesting = false;
  let visitors: Visitor[] = [];
  beforeAll(async () => {
    if (executable === undefined) return;
    browser = await openBrowser(executable);
    admin = await shop.login(run.adminEmail, run.adminPassword);
  });
  beforeEach(({ skip }) => skip(executable === undefined, noBrowser));
  beforeEach(() => {
    isTesting = true;
  });
  afterEach(async () => {
    isTesting = false;
    const left = visitors;
    visitors = [];
    await Promise.all(left.map(leave));
  });
  afterAll(async () => browser?.close());
  return {
    run,
    shop,
    canOpen: executable !== undefined,
    get admin() {
      return admin;
    },
    arrive: async (options) => {
      const visitor = await browser.visitor(options);
      if (isTesting) visitors.push(visitor);
      return visitor;
    },
    newProduct: (name, initialStock = 5) =>
      shop.createProduct(admin, {
        name,
        initialStock,
        category: 'living/lighting',
        amountMinor: priceMinor,
      }),
  };
};

/** What a test still keeps from its pages is not answered any more. */
const leave = async ({ context }: Visitor): Promise<void> => {
  await Promise.all(context.pages().map((page) => page.unrouteAll({ behavior: 'ignoreErrors' })));
  await context.close();
};

export const heading = (page: Page, name: string | RegExp): Locator =>
  page.getByRole('heading', { level: 1, name });
