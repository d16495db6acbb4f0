import { accessSync, constants, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { projectPath } from '#platform/project';
import type { RunFile } from '../shop.js';

/** The system's browser: the one that `CHROMIUM` names, or the first of the usual names on the path. */
export const findBrowser = (
  env: Readonly<Record<string, string | undefined>> = process.env,
): string | undefined => {
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];
  const places = (env.PATH ?? '').split(delimiter);
  const files = [env.CHROMIUM ?? '', ...names.flatMap((name) => places.map((place) => join(place, name)))];
  return files.find((file) => file !== '' && isExecutable(file));
};

const isExecutable = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

export const noBrowser = 'no Chromium is installed: sudo apt-get install -y --no-install-recommends chromium';

export type Visitor = {
  page: Page;
  context: BrowserContext;
  /** What the pages have printed as errors, and what they have thrown; each with the address of its page. */
  errors: string[];
};

export type TestBrowser = {
  /** A visitor without cookies, storage or cache of others. */
  visitor(options?: BrowserContextOptions): Promise<Visitor>;
  close(): Promise<void>;
};

const stepTimeoutMs = 15_000;

/** Starts the browser with an empty profile. It reaches nothing but this machine. */
export const openBrowser = async (executablePath: string): Promise<TestBrowser> => {
  const profile = mkdtempSync(join(tmpdir(), 'cartstream-browser-'));
  const browser = await chromium.launch({
    executablePath,
    headless: true,
    args: [
      ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
      // A name that is not this machine's: what a browser gives only to pages of TLS or of here is not there.
      '--host-resolver-rules=MAP shop.example 127.0.0.1',
      ...['--disable-background-networking', '--disable-component-update', `--disk-cache-dir=${profile}`],
    ],
  });
  return {
    visitor: async (options = {}) => {
      const context = await browser.newContext({
        viewport: { width: 1360, height: 900 },
        reducedMotion: 'reduce',
        ...options,
      });
      context.setDefaultTimeout(stepTimeoutMs);
      const page = await context.newPage();
      const errors: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error') errors.push(`${page.url()}: ${message.text()}`);
      });
      page.on('pageerror', (error) => errors.push(`${page.url()}: ${error.message}`));
      return { page, context, errors };
    },
    close: async () => {
      await browser.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
};

/** Logs in by the form that the page shows. */
export const logIn = async (
  page: Page,
  { email, password }: { email: string; password: string },
): Promise<void> => {
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
};

/** The dashboard of staff, logged in. */
export const openDashboard = async (
  page: Page,
  { gateway, adminEmail, adminPassword }: Pick<RunFile, 'gateway' | 'adminEmail' | 'adminPassword'>,
): Promise<void> => {
  await page.goto(`${gateway}/dashboard`);
  await logIn(page, { email: adminEmail, password: adminPassword });
  await page.getByTestId('tile-net').waitFor();
};

/** Resolves with the time, ms since 1970, at which the amount shown under this test id has grown by so much. */
export const timeOfRise = (page: Page, testId: string, amount: number): Promise<number> =>
  page.evaluate(`new Promise((resolve) => {
    const element = document.querySelector('[data-testid="${testId}"]');
    const read = () => Number(element.textContent.replace(/[^\\d.]/g, '')) || 0;
    const before = read();
    const look = (_, observer) => {
      if (read() < before + ${amount} - 0.001) return;
      observer.disconnect();
      resolve(Date.now());
    };
    new MutationObserver(look).observe(element, { characterData: true, childList: true, subtree: true });
  })`);

/** With `PICTURES=1` writes a picture of what the page shows, for people to look at; git ignores the folder. */
export const photograph = async (page: Page, name: string): Promise<void> => {
  if (process.env.PICTURES !== '1') return;
  const folder = projectPath('pictures');
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
};

/** The serious and critical findings of axe-core, each with its element; in the dark theme the contrasts alone again. */
export const accessibilityFindings = async (
  page: Page,
  themes: readonly ('light' | 'dark')[] = ['light', 'dark'],
): Promise<string[]> => {
  const found: string[] = [];
  for (const theme of themes) {
    await page.emulateMedia({ colorScheme: theme });
    // The colours change with the next frame.
    await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
    // No page has frames, so nothing is lost by leaving out the second page that would put their findings together.
    const axe = new AxeBuilder({ page }).options({ resultTypes: ['violations'] }).setLegacyMode();
    const { violations } = await (theme === 'light' ? axe : axe.withRules(['color-contrast'])).analyze();
    for (const { id, impact, nodes } of violations)
      if (impact === 'serious' || impact === 'critical')
        for (const { html } of nodes.slice(0, 3))
          found.push(`${new URL(page.url()).pathname} (${theme}): ${id}: ${html.slice(0, 160)}`);
  }
  await page.emulateMedia({ colorScheme: 'light' });
  return found;
};

/** How far the page scrolls sideways, in pixels, in a window of 320. */
export const sidewaysScroll = async (page: Page): Promise<number> => {
  const size = page.viewportSize() ?? { width: 1360, height: 900 };
  await page.setViewportSize({ width: 320, height: 640 });
  const beyond = await page.evaluate(
    'document.documentElement.scrollWidth - document.documentElement.clientWidth',
  );
  await page.setViewportSize(size);
  return Number(beyond);
};

export type Loading = { largestPaintMs: number; layoutShift: number; scriptBytes: number };

/** What the browser itself says of the first view: its largest paint, its shifts, and the script as it was sent. */
export const measureLoading = async (page: Page, url: string): Promise<Loading> => {
  await page.goto(url);
  await page.waitForLoadState('networkidle');
  return page.evaluate(`new Promise((resolve) => {
    const result = { largestPaintMs: 0, layoutShift: 0, scriptBytes: 0 };
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) result.largestPaintMs = entry.startTime;
    }).observe({ type: 'largest-contentful-paint', buffered: true });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (!entry.hadRecentInput) result.layoutShift += entry.value;
    }).observe({ type: 'layout-shift', buffered: true });
    for (const entry of performance.getEntriesByType('resource'))
      if (new URL(entry.name).pathname.endsWith('.js')) result.scriptBytes += entry.encodedBodySize;
    requestAnimationFrame(() => setTimeout(() => resolve(result), 100));
  })`) as Promise<Loading>;
};
