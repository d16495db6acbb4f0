import { setTimeout as sleep } from 'node:timers/promises';
import type { Hosted } from './processes.js';

/** Resolves when every one of them says it is ready. Rejects at the deadline with who did not, and why. */
export async function allReady(
  hosted: readonly Hosted[],
  options: { timeoutMs: number; signal: AbortSignal },
): Promise<void> {
  const deadline = Date.now() + options.timeoutMs;
  let waiting = [...hosted];
  const reasons = new Map<string, string>();
  while (waiting.length > 0) {
    const answers = await Promise.all(waiting.map(async (one) => ({ one, reason: await notReady(one.url) })));
    waiting = [];
    for (const { one, reason } of answers) {
      if (reason === undefined) continue;
      waiting.push(one);
      reasons.set(one.name, reason);
    }
    if (waiting.length === 0) return;
    if (Date.now() > deadline) {
      throw new Error(`not ready: ${waiting.map(({ name }) => `${name} (${reasons.get(name)})`).join(', ')}`);
    }
    await sleep(100, undefined, { signal: options.signal });
  }
}

async function notReady(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(3_000) });
    const body = await response.text();
    return response.ok ? undefined : `${response.status} ${body.slice(0, 200)}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
