import { percentile } from '../figures.js';

export type LoadResult = {
  operations: number;
  /** Operations of the warm-up. */
  warmedUp: number;
  failures: number;
  seconds: number;
  cpuMs: number;
  p50Ms: number;
  p95Ms: number;
  p99Ms: number;
  firstFailure?: string;
};

/** Runs operations until `untilMs` of `performance.now()`, and reports each. */
export type Loop = (untilMs: number, onDone: (ms: number, failure?: unknown) => void) => Promise<void>;

/** Runs the loop for the warm-up, says so on the error output, and then counts what it does and the CPU time it takes. */
export const measureLoop = async (
  loop: Loop,
  { durationMs, warmUpMs }: { durationMs: number; warmUpMs: number },
): Promise<LoadResult> => {
  let warmedUp = 0;
  await loop(performance.now() + warmUpMs, (_, failure) => {
    if (failure === undefined) warmedUp += 1;
  });
  process.stderr.write('measuring\n');
  const samplesMs: number[] = [];
  const failures: unknown[] = [];
  const startedAtMs = performance.now();
  const before = process.cpuUsage();
  await loop(startedAtMs + durationMs, (ms, failure) => {
    if (failure === undefined) samplesMs.push(ms);
    else failures.push(failure);
  });
  const cpu = process.cpuUsage(before);
  const seconds = (performance.now() - startedAtMs) / 1000;
  return {
    operations: samplesMs.length,
    warmedUp,
    failures: failures.length,
    seconds,
    cpuMs: (cpu.user + cpu.system) / 1000,
    p50Ms: percentile(samplesMs, 0.5),
    p95Ms: percentile(samplesMs, 0.95),
    p99Ms: percentile(samplesMs, 0.99),
    ...(failures.length === 0 ? {} : { firstFailure: String(failures[0]) }),
  };
};
