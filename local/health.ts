import { messageOf } from '#platform/errors';
import { sleep } from '#platform/waiting/sleep';
import type { Hosted } from './processes.js';

type Report = { status: 'up' } | { status: 'degraded' | 'down'; why: string };

const askEveryMs = 100;
const answerMsMax = 3_000;

/**
 * Resolves when every process is up: its engines connected, its partitions assigned, its schemas cached. One that is
 * still degraded at `degradedMsMax` is not waited for any longer, and is named in the answer with its reason. Rejects
 * at `timeoutMs` with those that are down, and why.
 */
export const allReady = async (
  hosted: readonly Hosted[],
  options: { degradedMsMax: number; timeoutMs: number; signal: AbortSignal },
): Promise<string[]> => {
  const startedAtMs = performance.now();
  const waiting = new Map(hosted.map((one) => [one.name, one]));
  while (true) {
    const reports = await Promise.all(
      [...waiting.values()].map(async ({ name, url }) => ({ name, report: await reportOf(url) })),
    );
    for (const { name, report } of reports) if (report.status === 'up') waiting.delete(name);
    const late = reports.flatMap(({ name, report }) =>
      report.status === 'up' ? [] : [{ status: report.status, text: `${name} (${report.why})` }],
    );
    const waitedMs = performance.now() - startedAtMs;
    const down = late.filter(({ status }) => status === 'down').map(({ text }) => text);
    if (down.length === 0 && (late.length === 0 || waitedMs > options.degradedMsMax))
      return late.map(({ text }) => text);
    if (waitedMs > options.timeoutMs) throw new Error(`not ready: ${down.join(', ')}`);
    await sleep(askEveryMs, { signal: options.signal });
    options.signal.throwIfAborted();
  }
};

const reportOf = async (url: string): Promise<Report> => {
  try {
    const answer = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(answerMsMax) });
    const { status, dependencies } = (await answer.json()) as {
      status: Report['status'];
      dependencies: Record<string, { status: string }>;
    };
    if (answer.ok && status === 'up') return { status };
    const unwell = Object.entries(dependencies).flatMap(([name, dependency]) =>
      dependency.status === 'up' ? [] : [`${name} ${dependency.status}`],
    );
    return { status: answer.ok ? 'degraded' : 'down', why: unwell.join(', ') || `answers ${answer.status}` };
  } catch (error) {
    return { status: 'down', why: messageOf(error) };
  }
};
