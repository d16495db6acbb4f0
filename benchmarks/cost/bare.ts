import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { projectPath } from '#platform/project';
import type { BuyersPlan } from '../checkout/buyers.js';
import type { OpenOrdersPlan } from '../load/open-orders.js';
import { readCpuMs, readMachineCpuMs } from '../process-figures.js';
import type { ProducerPlan } from './bare-producer.js';
import type { LoadPlan } from './load-client.js';
import type { LoadResult } from './measured-loop.js';

/** A server of a bare limit, in a process of its own. */
export type Bare = { url: string; pid: number; stop(): void };

/** Starts `benchmarks/<name>` and resolves with the URL that it prints. */
export const startBare = (
  name: string,
  argument: string,
  { env = {}, startMsMax = 20_000 }: { env?: Readonly<Record<string, string>>; startMsMax?: number } = {},
): Promise<Bare> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [programOf(name), argument], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...env },
    });
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${name} did not start in ${startMsMax} ms`));
    }, startMsMax);
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code}`)));
    createInterface({ input: child.stdout }).once('line', (url) => {
      clearTimeout(timer);
      resolve({ url, pid: child.pid ?? 0, stop: () => child.kill('SIGTERM') });
    });
  });

export type LoadRun<Result extends LoadResult = LoadResult> = {
  result: Result;
  /** CPU time of each watched process from the end of the warm-up on, in milliseconds. */
  cpuMsByProcess: Map<string, number>;
  /** From the end of the load until everything that it has set off was done. */
  settleMs: number;
  /** Cores that processes other than the watched ones and the client took meanwhile: how much the machine was disturbed. */
  otherCores: number;
};

export type LoadWatch = {
  /** In `benchmarks/`; `cost/load-client` if unset. */
  program?: string;
  /** Processes whose CPU time is counted, by name. */
  watched: ReadonlyMap<string, number>;
  /** Called when the warm-up is over and what is sent from then on is counted. */
  onMeasuring?: () => Promise<void>;
  /**
   * Waited for after the load, before the CPU time is read: what the load has set off may take longer than it. `done`
   * counts the warm-up's operations too.
   */
  settle?: (done: number) => Promise<unknown>;
};

/** Runs a load in a process of its own to its end. */
export const runLoad = async <Result extends LoadResult = LoadResult>(
  plan: LoadPlan | ProducerPlan | BuyersPlan | OpenOrdersPlan,
  watch: LoadWatch,
): Promise<LoadRun<Result>> => {
  const { program = 'cost/load-client', watched } = watch;
  const child = spawn(process.execPath, [programOf(program)], { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.end(JSON.stringify(plan));
  let said = '';
  let before = readCpuMs(watched);
  let machineBeforeMs = readMachineCpuMs();
  let measuringAtMs = performance.now();
  let measuring: Promise<void> | undefined;
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (line !== 'measuring') return void process.stderr.write(`${line}\n`);
    before = readCpuMs(watched);
    machineBeforeMs = readMachineCpuMs();
    measuringAtMs = performance.now();
    measuring = watch.onMeasuring?.();
  });
  child.stdout.on('data', (chunk) => {
    said += chunk;
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  await measuring;
  if (code !== 0) throw new Error(`${program} ended with ${code}`);
  const result = JSON.parse(said) as Result;
  const loadedAtMs = performance.now();
  await watch.settle?.(result.warmedUp + result.operations);
  const after = readCpuMs(watched);
  const cpuMsByProcess = new Map([...after].map(([name, ms]) => [name, ms - (before.get(name) ?? 0)]));
  const ownMs = [...cpuMsByProcess.values()].reduce((sum, ms) => sum + ms, result.cpuMs);
  const otherMs = readMachineCpuMs() - machineBeforeMs - ownMs;
  return {
    result,
    settleMs: performance.now() - loadedAtMs,
    cpuMsByProcess,
    otherCores: otherMs / (performance.now() - measuringAtMs),
  };
};

const programOf = (name: string): string => projectPath(`dist/benchmarks/${name}.js`);
