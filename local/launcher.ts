import { messageOf } from '#platform/errors';
import { type RunningPlatform, startPlatform } from './platform.js';
import { createProgress, type Progress } from './progress.js';
import type { Options } from './setup/options.js';

/** `npm start`: starts the platform, runs until it receives a signal, and stops every process. */
export const launch = async (options: Options): Promise<void> => {
  const progress = createProgress();
  const stopRequest = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => stopRequest.abort());
  }
  try {
    const platform = await startPlatform(options, progress, stopRequest.signal);
    announce(platform, options.dataDir, progress);
    void platform.zipkinAnswers.then(() => {
      if (platform.gatewayUrl !== undefined && !stopRequest.signal.aborted)
        progress.line(`traces ready ${platform.zipkinUrl}`);
    });
    if (!stopRequest.signal.aborted) {
      await new Promise((resolve) => stopRequest.signal.addEventListener('abort', resolve, { once: true }));
    }
    progress.line('stopping …');
    await platform.stop();
    progress.line('stopped');
    process.exit(0);
  } catch (error) {
    if (stopRequest.signal.aborted) process.exit(0);
    console.error(`cartstream: ${messageOf(error)}`);
    process.exit(1);
  }
};

/** The line that scripts wait for, and what a person may want to do next. */
const announce = (platform: RunningPlatform, dataDir: string, progress: Progress): void => {
  const { gatewayUrl, zipkinUrl, mailboxUrl, adminEmail, runFile, without } = platform;
  if (gatewayUrl === undefined) {
    progress.line(`ready engines; where they are: ${runFile}`);
    return;
  }
  progress.line(`ready ${gatewayUrl}`);
  progress.line(
    `  after      ${process.uptime().toFixed(1)} s, from the start of the engines until the shop can be used`,
  );
  progress.line(`  shop       ${gatewayUrl}`);
  progress.line(`  dashboard  ${gatewayUrl}/dashboard`);
  progress.line(`  admin      ${gatewayUrl}/admin, as ${adminEmail}; the password is in ${runFile}`);
  progress.line(`  docs       ${gatewayUrl}/docs for the API, ${gatewayUrl}/platform for everything else`);
  if (mailboxUrl !== undefined) progress.line(`  mailbox    ${mailboxUrl}`);
  progress.line(`  traces     ${zipkinUrl}; Zipkin is starting, and a line \`traces ready\` follows`);
  progress.line(`  try        curl '${gatewayUrl}/api/products?limit=3'`);
  progress.line(`  logs       ${dataDir}/logs`);
  for (const missing of without) progress.line(`  without    ${missing}`);
  progress.line(`  stop       Ctrl-C; everything in ${dataDir} is there at the next start`);
};
