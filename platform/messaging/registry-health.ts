import type { Component } from '#platform/service-host';

const answerMsMax = 1_000;

/**
 * Shows in a service's health whether the registry at `url` answers; any HTTP answer will do. `degraded` where it does
 * not: cached schemas still work, and a schema that was never looked up holds its partition.
 */
export const watchSchemaRegistry = (url: string): Component => {
  const address = new URL(url);
  address.username = '';
  address.password = '';
  const probe = `${address.href.replace(/\/+$/, '')}/config`;
  return {
    name: 'schema-registry',
    start: async () => {},
    stop: async () => {},
    checkHealth: async () => {
      try {
        const answer = await fetch(probe, { signal: AbortSignal.timeout(answerMsMax) });
        await answer.arrayBuffer();
        return { status: 'up' };
      } catch {
        return { status: 'degraded', detail: `the schema registry does not answer in ${answerMsMax} ms` };
      }
    },
  };
};
