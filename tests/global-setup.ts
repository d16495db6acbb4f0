import type { TestProject } from 'vitest/node';
import { markStart } from './platform-start.js';
import { beginScratch, underIngestLoad } from './running-platform.js';

/**
 * Begins to start what the selected tests need: nothing for unit tests, the engines for integration tests, the whole
 * platform for end-to-end tests. If `CARTSTREAM_RUN` names a running platform, none is started.
 */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  if (process.env.CARTSTREAM_RUN || process.env.KAFKA_BROKERS) return undefined;
  const paths = project.vitest.state.getPaths();
  const needsPlatform = paths.some((path) => path.endsWith('.e2e.test.ts'));
  if (!needsPlatform && !paths.some((path) => path.endsWith('.int.test.ts'))) return undefined;

  const { runFile, started, stop } = beginScratch(needsPlatform ? platformArguments : ['--engines-only'], {
    // Operators' pages are shown a stuck order, which nobody can wait a minute for.
    ORDER_STUCK_AFTER_MS: '5000',
    // As some shells set it, to an address of which the platform must take no notice.
    HOST: '192.0.2.1',
    ...underIngestLoad,
  });
  process.env.CARTSTREAM_RUN = runFile;
  markStart(runFile, started);
  return stop;
}

/** A free gateway port, a small catalogue, and no simulated shoppers. */
const platformArguments = ['--port', '0', '--catalog', '200', '--no-traffic'];
