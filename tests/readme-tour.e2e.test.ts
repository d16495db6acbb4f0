import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { runFilePath } from '#platform/testing/engines';
import { readRunFile } from './shop.js';

const run = promisify(execFile);

/** The blocks of README.md that a newcomer pastes, in order, as one script. */
const tour = [...readFileSync('README.md', 'utf8').matchAll(/^```bash tour\n([\s\S]*?)^```$/gm)].map(
  ([, block]) => block as string,
);

describe('the tour in README.md', () => {
  it('runs word for word against the running platform and shows what it promises', async () => {
    expect(tour.length).toBeGreaterThanOrEqual(6);
    const { gateway } = readRunFile(runFilePath());
    const script = tour
      .join('\n')
      .replace('SHOP=http://127.0.0.1:8000', `SHOP=${gateway}`)
      .replace('DATA=.local', `DATA=${dirname(runFilePath())}`)
      .replaceAll("require('./$DATA", "require('$DATA");
    const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', script], { timeout: 60_000 });

    expect(stdout).toMatch(/^.+, \d+(\.\d+)? GBP$/m);
    for (const fact of ['OrderPlaced', 'StockReserved', 'PaymentAuthorized', 'OrderConfirmed'])
      expect(stdout).toContain(fact);
    expect(stdout).toMatch(/complete up to \d{4}-\d\d-\d\dT/);
    expect(stdout).toMatch(/"accepted":\s*2/);
    expect(stdout).not.toContain('undefined');
  }, 70_000);
});
