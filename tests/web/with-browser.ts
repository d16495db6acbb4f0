import { afterAll, beforeAll, beforeEach } from 'vitest';
import { findBrowser, noBrowser, openBrowser, type TestBrowser } from './browser.js';

/**
 * Opens the browser before the tests of a file, has `prepare` make what they need, and closes it after them. Where none
 * is installed, nothing is prepared and each test is skipped with the reason.
 */
export const withBrowser = (
  prepare: (browser: TestBrowser) => Promise<void>,
  prepareMsMax?: number,
): void => {
  const executable = findBrowser();
  let browser: TestBrowser | undefined;
  beforeAll(async () => {
    if (executable === undefined) return;
    browser = await openBrowser(executable);
    await prepare(browser);
  }, prepareMsMax);
  beforeEach(({ skip }) => skip(executable === undefined, noBrowser));
  afterAll(async () => browser?.close());
};
