import { startPlatform } from './platform.js';
import { createProgress } from './progress.js';
import type { Options } from './setup/options.js';

/** `npm start`: brings the platform up, stays until it is told to stop, and leaves nothing behind. */
export async function launch(options: Options): Promise<void> {
  const progress = createProgress();
  const stopRequest = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => stopRequest.abort());
  }
  try {
    const platform = await startPlatform(options, progress, stopRequest.signal);
    if (!stopRequest.signal.aborted) {
      await new Promise((resolve) => stopRequest.signal.addEventListener('abort', resolve, { once: true }));
    }
    progress.line('stopping …');
    await platform.stop();
    progress.line('stopped');
    process.exit(0);
  } catch (error) {
    if (stopRequest.signal.aborted) process.exit(0);
    console.error(`cartstream: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  }
}
