import type { Component, RunnableHost, Service } from '#platform/service-host';

/** Builds and starts a service on a test's host. Returns the address of its HTTP front; stop it by its host. */
export const startService = async <C>(
  service: Service<C>,
  config: C,
  host: RunnableHost,
): Promise<string> => {
  const parts: (Component & { url?: string })[] = [];
  const use = host.use;
  host.use = (part) => {
    parts.push(part);
    return use(part);
  };
  await service.build(config, host);
  await host.start();
  return parts.find(({ name }) => name === 'http')?.url ?? '';
};
