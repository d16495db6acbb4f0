import { withoutLogin } from '#platform/http/url-login';
import type { Component } from '#platform/service-host';

const answerMsMax = 1_000;

const ask = async (address: string): Promise<boolean> => {
  try {
    const answer = await fetch(address, { signal: AbortSignal.timeout(answerMsMax) });
    await answer.arrayBuffer();
    return true;
  } catch {
    return false;
  }
};

const asking = new Map<string, Promise<boolean>>();

/**
 * Services that share a process are asked for their health together, and ask the registry once. Who asks meanwhile shares that
 * answer instead of the next one, because waiting for two would take longer than a component may.
 */
const answers = (address: string): Promise<boolean> => {
  const running = asking.get(address) ?? ask(address).finally(() => asking.delete(address));
  asking.set(address, running);
  return running;
};

/**
 * Shows in a service's health whether the registry at `url` answers; any HTTP answer will do. `degraded` where it does
 * not: cached schemas still work, and a schema that was never looked up holds its partition.
 */
export const watchSchemaRegistry = (url: string): Component => {
  const probe = `${withoutLogin(url).replace(/\/+$/, '')}/config`;
  return {
    name: 'schema-registry',
    start: async () => {},
    stop: async () => {},
    checkHealth: async () =>
      (await answers(probe))
        ? { status: 'up' }
        : { status: 'degraded', detail: `the schema registry does not answer in ${answerMsMax} ms` },
  };
};
