import { join } from 'node:path';
import type { Context } from '../context.js';
import type { Plan } from '../processes.js';
import { installSoftware, type Software } from '../software/software.js';
import { clientEngines, embeddedEngine } from './embedded.js';
import { type ClientEngine, type Engine, externalEngine } from './engine.js';
import { prometheus } from './prometheus.js';

/** Addresses of engines, and functions that start those for which the start does not wait. */
export type StartedEngines = {
  urls: Record<ClientEngine, string>;
  software: Software;
  /**
   * Starts Zipkin. It is started later, because no service needs it to work, and the other engines start faster without
   * it. `answers` resolves once it is up; a start that was not awaited may go on for minutes beside a load.
   */
  startZipkin(options: { awaited: boolean }): Promise<{ answers: Promise<void> }>;
};

export const startEngines = async ({
  folder,
  ports,
  crew,
  progress,
  signal,
}: Context): Promise<StartedEngines> => {
  const external = (name: ClientEngine): string | undefined => process.env[externalEngine[name]] || undefined;
  const needed = new Set(clientEngines.filter((name) => external(name) === undefined));
  const software = await installSoftware(needed, {
    env: process.env,
    dataDir: folder.path,
    progress,
    signal,
  });
  const urls = {} as Record<ClientEngine, string>;
  const engines: Engine[] = [];
  for (const name of clientEngines) {
    const url = external(name);
    if (url !== undefined) {
      urls[name] = url;
      continue;
    }
    const engine = await embeddedEngine(name, { dataDir: folder.path, ports, software });
    engines.push(engine);
    urls[name] = engine.url;
  }
  const start = (engine: Engine): Promise<void> =>
    progress.step(engine.name, async () => {
      await engine.prepare();
      signal.throwIfAborted();
      await crew.add(engine.process, 'engine').start();
    });
  await Promise.all(engines.filter(({ name }) => name !== 'zipkin').map(start));
  const zipkin = engines.find(({ name }) => name === 'zipkin');
  return {
    urls,
    software,
    async startZipkin({ awaited }) {
      const up = { answers: Promise.resolve() };
      if (zipkin === undefined) return up;
      if (awaited) {
        await start(zipkin);
        return up;
      }
      await zipkin.prepare();
      return { answers: crew.add(zipkin.process, 'engine').startPatiently() };
    },
  };
};

export const engineEnv = (urls: Readonly<Record<ClientEngine, string>>): Record<string, string> =>
  Object.fromEntries(clientEngines.map((name) => [externalEngine[name], urls[name]]));

export const startPrometheus = async (
  software: Software,
  plan: Plan,
  { folder, ports, crew }: Context,
): Promise<string | undefined> => {
  const external = process.env.PROMETHEUS_URL;
  if (external) return external;
  if (software.prometheus === undefined) return undefined;
  const engine = prometheus({
    dataDir: join(folder.path, 'prometheus'),
    port: await ports.of('prometheus'),
    program: software.prometheus,
    targets: plan.processes.flatMap(({ hosts }) => hosts.map(({ name, url }) => ({ service: name, url }))),
  });
  engine.prepare();
  void crew.add(engine, 'engine').startPatiently();
  return engine.url;
};
