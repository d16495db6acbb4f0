import type { TestProject } from 'vitest/node';
import { startScratch } from './running-platform.js';

/**
 * What the chosen tests run against: nothing for unit tests, the engines for integration tests, the whole platform
 * for end-to-end tests. `CARTSTREAM_RUN` names one that already runs, and then none is started.
 */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  if (process.env.CARTSTREAM_RUN || process.env.KAFKA_BROKERS) return undefined;
  const paths = project.vitest.state.getPaths();
  // Those that start and stop the platform, or stop parts of it, bring up what they need in folders of their own.
  const needsPlatform = paths.some(
    (path) => path.endsWith('.e2e.test.ts') && !/(launcher|stall)\.e2e/.test(path),
  );
  if (!needsPlatform && !paths.some((path) => path.endsWith('.int.test.ts'))) return undefined;

  const { runFile, stop } = await startScratch(needsPlatform ? platformArguments : ['--engines-only']);
  process.env.CARTSTREAM_RUN = runFile;
  return stop;
}

/** A free gateway port, a small catalogue, and nobody but the tests buying. */
const platformArguments = ['--port', '0', '--catalog', '200', '--no-traffic'];
