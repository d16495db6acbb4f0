import type { BrowserContextOptions, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach } from 'vitest';
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

/** For a file of tests: real Chromium on the gateway of the running platform, closed after the last of them. */
export const usePages = (): Pages => {
  const run = readRunFile(runFilePath());
  const shop = shopAt(run.gateway);
  const executable = findBrowser();
  let browser: TestBrowser;
  let admin: string;
  beforeAll(async () => {
    if (executable === undefined) return;
    browser = await openBrowser(executable);
    admin = await shop.login(run.adminEmail, run.adminPassword);
  });
  beforeEach(({ skip }) => skip(executable === undefined, noBrowser));
  afterAll(async () => browser?.close());
  return {
    run,
    shop,
    canOpen: executable !== undefined,
    get admin() {
      return admin;
    },
    arrive: (options) => browser.visitor(options),
    newProduct: (name, initialStock = 5) =>
      shop.createProduct(admin, {
        name,
        initialStock,
        category: 'living/lighting',
        amountMinor: priceMinor,
      }),
  };
};

export const heading = (page: Page, name: string | RegExp): Locator =>
  page.getByRole('heading', { level: 1, name });
