import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runToEnd } from '../../local/engines/run-to-end.js';
import { createProgress } from '../../local/progress.js';
import { cacheDir, cached } from '../../local/software/cache.js';
import type { View } from './visitors.js';

/** Serenade (Kersbergen et al., SIGMOD 2022), from crates.io. */
const serenadeVersion = '0.3.1';

const buildMsMax = 60 * 60_000;
const startMsMax = 120_000;

/**
 * The program that serves: the one that `SERENADE` names, or one in the cache of the engines, where cargo builds it if it is
 * missing. That needs libclang (Debian's `libclang-dev`) and a quarter of an hour, because it compiles RocksDB.
 */
const serenadeProgram = async (): Promise<string> => {
  const given = process.env.SERENADE;
  if (given !== undefined && existsSync(given)) return given;
  const context = {
    cache: cacheDir(process.env),
    env: process.env,
    progress: createProgress(),
    signal: AbortSignal.timeout(buildMsMax),
  };
  const folder = await cached(`serenade-${serenadeVersion}`, context, async (dir, detail) => {
    detail('cargo install');
    await runToEnd(['cargo', 'install', 'serenade', '--version', serenadeVersion, '--locked', '--root', dir]);
  });
  return join(folder, 'bin', 'serving');
};

/** The parameters of the example that Serenade brings along. */
const configOf = (port: number, trainingFile: string): string => `
config_type = "toml"
[server]
host = "127.0.0.1"
port = ${port}
[log]
level = "info"
[data]
training_data_path = "${trainingFile}"
[model]
m_most_recent_sessions = 1502
neighborhood_size_k = 288
max_items_in_session = 4
num_items_to_recommend = 21
idf_weighting = 1
[logic]
enable_business_logic = false
[hyperparam]
training_data_path = "${trainingFile}"
test_data_path = "${trainingFile}"
validation_data_path = "${trainingFile}"
num_iterations = 15
save_records = false
out_path = "results.csv"
enable_business_logic = false
n_most_recent_sessions_range = "[100, 2500]"
neighborhood_size_k_range = "[50, 1500]"
last_items_in_session_range = "[1, 20]"
idf_weighting_range = "[0, 5]"
`;

export const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
};

/** Serenade with an index of the views, with a worker a core as it comes. */
export const startSerenade = async (views: readonly View[]) => {
  const program = await serenadeProgram();
  const folder = mkdtempSync(join(tmpdir(), 'cartstream-serenade-'));
  const visits = new Map<string, number>();
  const lines = views.map(({ visitId, productId, occurredAt }) => {
    const visit = visits.get(visitId) ?? visits.size + 1;
    visits.set(visitId, visit);
    return `${visit}\t${productId}\t${Math.floor(Date.parse(occurredAt) / 1000)}`;
  });
  const trainingFile = join(folder, 'train.txt');
  writeFileSync(trainingFile, `SessionId\tItemId\tTime\n${lines.join('\n')}\n`);
  const port = await freePort();
  writeFileSync(join(folder, 'serenade.toml'), configOf(port, trainingFile));
  const child = spawn(program, ['serenade.toml'], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  const origin = `http://127.0.0.1:${port}`;
  const giveUpAtMs = performance.now() + startMsMax;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`Serenade ended with ${child.exitCode}`);
    if (
      await fetch(`${origin}/internal/prometheus`).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      break;
    if (performance.now() > giveUpAtMs) throw new Error(`Serenade did not start in ${startMsMax} ms`);
    await sleep(100);
  }
  return {
    origin,
    pid: child.pid ?? 0,
    pathOf: (visitId: string, productId: string): string =>
      `/v1/recommend?session_id=${visitId}&user_consent=true&item_id=${productId}`,
    stop: async (): Promise<void> => {
      if (child.exitCode === null) {
        child.kill('SIGTERM');
        await once(child, 'exit');
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
};
