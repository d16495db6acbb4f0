import { adminOf } from './data-folder/admin.js';
import { recordProcesses } from './data-folder/leftovers.js';
import { openDataFolder } from './data-folder/open.js';
import { createPorts } from './data-folder/ports.js';
import { removeRunFile, writeRunFile } from './data-folder/run-file.js';
import { type ClientEngine, clientEngines, embeddedEngine, externalEngine } from './engines/embedded.js';
import type { Engine } from './engines/engine.js';
import type { Progress } from './progress.js';
import type { Options } from './setup/options.js';
import { findSoftware } from './software.js';
import type { ProcessIdentity } from './supervision/process-identity.js';
import { type SupervisedProcess, superviseProcess, type Watch } from './supervision/supervised-process.js';

export type RunningPlatform = { stop(): Promise<void> };

const stopGraceMs = 7_000;

export async function startPlatform(
  options: Options,
  progress: Progress,
  signal: AbortSignal,
): Promise<RunningPlatform> {
  const folder = await openDataFolder(options.dataDir, { fresh: options.fresh });
  const ports = createPorts(folder.path, process.env);
  const admin = adminOf(folder.path);
  const supervised: SupervisedProcess[] = [];
  const urls = {} as Record<ClientEngine, string>;
  let ready = false;

  const watch: Watch = {
    logFile: folder.logFile,
    onChange() {
      const identities = supervised.map((one) => one.identity).filter((one): one is ProcessIdentity => !!one);
      recordProcesses(folder.path, identities);
      if (ready) publish();
    },
    onRestart: (name, why, waitMs) => progress.line(`${name}: ${why}; starting it again in ${waitMs} ms`),
  };

  function publish(): void {
    writeRunFile(folder.path, {
      schemaRegistry: urls['schema-registry'],
      kafka: urls.kafka,
      clickhouse: urls.clickhouse,
      postgres: urls.postgres,
      redis: urls.redis,
      zipkin: urls.zipkin,
      adminEmail: admin.email,
      adminPassword: admin.password,
      services: {},
      processes: supervised.flatMap(({ spec, identity }) =>
        identity ? [{ name: spec.name, pid: identity.pid, ...(spec.url ? { url: spec.url } : {}) }] : [],
      ),
    });
  }

  async function stop(): Promise<void> {
    ready = false;
    removeRunFile(folder.path);
    await Promise.all(supervised.map((one) => one.stop(stopGraceMs)));
    recordProcesses(folder.path, []);
    folder.close();
  }

  try {
    if (folder.leftovers > 0)
      progress.line(`removed ${folder.leftovers} processes of a launcher that was killed`);
    const software = await findSoftware(process.env);
    const engines: Engine[] = [];
    for (const name of clientEngines) {
      const external = process.env[externalEngine[name]];
      if (external) {
        urls[name] = external;
        continue;
      }
      const engine = await embeddedEngine(name, { dataDir: folder.path, ports, software });
      engines.push(engine);
      urls[name] = engine.url;
    }
    await Promise.all(
      engines.map((engine) =>
        progress.step(engine.name, async () => {
          await engine.prepare();
          signal.throwIfAborted();
          const one = superviseProcess(engine.process, watch);
          supervised.push(one);
          await one.start();
        }),
      ),
    );
    ready = true;
    publish();
    progress.line(`ready engines ${folder.path}/run.json`);
    return { stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
