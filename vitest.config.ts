import { defineConfig } from 'vitest/config';
import { flakyTests } from './tests/flaky-tests.js';
import { LongestFirst } from './tests/longest-first.js';
import { skipReasons } from './tests/skip-reasons.js';

// Imports of the project resolve to the TypeScript sources, as the `imports` map of package.json says.
const resolve = { conditions: ['source'] };
const ssr = { resolve: { conditions: ['source'], externalConditions: ['source'] } };
// What starts the engines before the tests is loaded by an environment of Vitest's own.
const environments = { __vitest__: ssr };

const report = process.env.VITEST_REPORT;

const shared = {
  pool: 'forks' as const,
  environment: 'node',
  setupFiles: ['./tests/unexpected-errors.ts', './tests/property-seed.ts'],
};

const onPlatform = {
  ...shared,
  // CI sets 1: on a shared machine a real engine may stand still for longer than a test allows. `flakyTests` names such a test.
  retry: Number(process.env.TEST_RETRIES ?? 0),
  setupFiles: ['./tests/started-platform.ts', ...shared.setupFiles],
};

/**
 * Nothing else may use the platform meanwhile: they stop its processes, compare all it has, hold it to bounds of time, or wait
 * for Zipkin, which gets what the others leave of the processor.
 */
const alone = [
  'catalogue',
  'checkout-saga',
  'ingest-exactly-once',
  'one-order-one-trace',
  'readme-tour',
  'recommendation',
  'stall',
  'web',
].map((name) => `tests/${name}.e2e.test.ts`);

export default defineConfig({
  resolve,
  ssr,
  environments,
  test: {
    globalSetup: './tests/global-setup.ts',
    sequence: { sequencer: LongestFirst },
    // What a test prints by console is shown only if it fails.
    silent: 'passed-only',
    // CI counts from a file; people read the terminal.
    reporters: [
      'default',
      skipReasons(),
      flakyTests(),
      ...(report ? [['json', { outputFile: report }] as ['json', { outputFile: string }]] : []),
    ],
    projects: [
      {
        resolve,
        ssr,
        test: {
          ...shared,
          name: 'unit',
          // One module graph for all files of a worker: loading it anew for each file took more than the tests themselves.
          isolate: false,
          // Vitest's own number leaves one of two cores free. With three, tests that read at a pace of their own fell behind it.
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
          // A limit ends what hangs, not what a slow machine does slowly.
          testTimeout: 60_000,
          include: ['**/*.test.ts'],
          exclude: ['**/*.int.test.ts', '**/*.e2e.test.ts', '**/node_modules/**', 'dist/**', '.local/**'],
        },
      },
      {
        resolve,
        ssr,
        test: {
          ...onPlatform,
          name: 'integration',
          isolate: false,
          sequence: { groupOrder: 1 },
          include: ['**/*.int.test.ts'],
          exclude: ['**/node_modules/**', 'dist/**', '.local/**'],
          testTimeout: 120_000,
          hookTimeout: 240_000,
          maxWorkers: 4,
        },
      },
      {
        resolve,
        ssr,
        test: {
          ...onPlatform,
          name: 'e2e',
          isolate: false,
          sequence: { groupOrder: 2 },
          include: ['tests/**/*.e2e.test.ts'],
          exclude: [...alone, '**/node_modules/**', 'dist/**', '.local/**'],
          testTimeout: 120_000,
          hookTimeout: 240_000,
          maxWorkers: 2,
        },
      },
      {
        resolve,
        ssr,
        test: {
          ...onPlatform,
          name: 'e2e-alone',
          isolate: false,
          sequence: { groupOrder: 3 },
          include: alone,
          testTimeout: 120_000,
          hookTimeout: 240_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
