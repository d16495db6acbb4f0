import { join } from 'node:path';
import type { Context } from '../context.js';
import type { Plan } from '../processes.js';
import { installSoftware, type Software } from '../software/software.js';
import { type ClientEngine, clientEngines, embeddedEngine, externalEngine } from './embedded.js';
import type { Engine } from './engine.js';
import { prometheus } from './prometheus.js';

export async function startEngines(
  options: { awaitAll: boolean },
  { folder, ports, crew, progress, signal }: Context,
): Promise<{ urls: Record<ClientEngine, string>; software: Software }> {
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
  // Nobody needs a trace in order to work, and a JVM less at this moment brings the others up sooner.
  const awaited = engines.filter(({ name }) => options.awaitAll || name !== 'zipkin');
  await Promise.all(
    awaited.map((engine) =>
      progress.step(engine.name, async () => {
        await engine.prepare();
        signal.throwIfAborted();
        await crew.add(engine.process, 'engine').start();
      }),
    ),
  );
  for (const engine of engines) {
    if (!awaited.includes(engine)) void crew.add(engine.process, 'engine').startPatiently();
  }
  return { urls, software };
}

export const engineEnv = (urls: Readonly<Record<ClientEngine, string>>): Record<string, string> =>
  Object.fromEntries(clientEngines.map((name) => [externalEngine[name], urls[name]]));

export async function startPrometheus(
  software: Software,
  plan: Plan,
  { folder, ports, crew }: Context,
): Promise<string | undefined> {
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
}
