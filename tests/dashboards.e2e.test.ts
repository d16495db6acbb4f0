import { readdirSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { runFilePath } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { readRunFile, shopAt } from './shop.js';

type Dashboard = { title: string; panels: { title: string; targets: { expr: string }[] }[] };

const dashboards = readdirSync('dashboards')
  .filter((file) => file.endsWith('.json'))
  .map((file) => JSON.parse(readFileSync(`dashboards/${file}`, 'utf8')) as Dashboard);
const queries = dashboards.flatMap(({ panels }) =>
  panels.flatMap((panel) => panel.targets.map(({ expr }) => ({ panel: panel.title, expr }))),
);
const run = readRunFile(runFilePath());

/** Metric names in a PromQL expression: identifiers that are neither functions, keywords, labels nor label values. */
const metricsIn = (expr: string): string[] => {
  const bare = expr
    .replace(/\b(by|without)\s*\([^)]*\)/g, ' ')
    .replace(/\{[^}]*\}/g, ' ')
    .replace(/\[[^\]]*\]/g, ' ');
  return [...bare.matchAll(/\b([a-z_]+)\b(?!\s*\()/g)]
    .map(([, name]) => name as string)
    .filter((name) => name.includes('_'));
};

/** A metric with labels has no sample before its first event, but says what it is. */
const exposes = (page: string, name: string): boolean =>
  new RegExp(`^(# TYPE )?${name.replace(/_bucket$/, '')}(_bucket)?[{ ]`, 'm').test(page);

describe('dashboards', () => {
  beforeAll(async () => {
    const shop = shopAt(run.gateway);
    const admin = await shop.login(run.adminEmail, run.adminPassword);
    const { token } = await shop.registerCustomer();
    const productId = await shop.createProduct(admin, { initialStock: 5 });
    for (const paymentToken of ['tok_ok', 'tok_declined']) {
      const placed = await shop.placeOrder({ token, items: [{ productId, quantity: 1 }], paymentToken });
      await shop.settled(placed.body.id, token);
    }
    await shop.call('GET', '/api/recommendations?scenario=home');
  }, 60_000);

  it('ask only for metrics that some process exposes', async () => {
    const wanted = new Set(queries.flatMap(({ expr }) => metricsIn(expr)));
    const urls = [...new Set(run.processes.flatMap(({ url }) => (url?.startsWith('http') ? [url] : [])))];
    let missing: string[] = [];
    await eventually(
      async () => {
        const pages = await Promise.all(
          urls.map((url) =>
            fetch(`${url}/metrics`).then(
              (r) => (r.ok ? r.text() : ''),
              () => '',
            ),
          ),
        );
        const exposed = pages.join('\n');
        missing = [...wanted].filter((name) => !exposes(exposed, name));
        return missing.length === 0;
      },
      { timeoutMs: 20_000, everyMs: 500, message: () => `metrics ${missing.join(', ')}` },
    );
  }, 30_000);

  it('have queries that Prometheus answers', async ({ skip }) => {
    skip(run.prometheus === undefined, 'no Prometheus runs here');
    for (const { panel, expr } of queries) {
      const response = await fetch(`${run.prometheus}/api/v1/query?query=${encodeURIComponent(expr)}`);
      const answer = (await response.json()) as { status: string; error?: string };
      expect(answer, `${panel}: ${expr}`).toMatchObject({ status: 'success' });
    }
  });
});
