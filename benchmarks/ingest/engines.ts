import { readFileSync } from 'node:fs';
import { startScratch } from '../../tests/running-platform.js';

export type BenchEngines = {
  kafka: string;
  schemaRegistry: string;
  clickhouse: string;
  pidOf(name: string): number;
  stop(): Promise<void>;
};

/** Engines of the benchmark's own, or those of the platform that CARTSTREAM_RUN names. */
export const startEngines = async (): Promise<BenchEngines> => {
  const given = process.env.CARTSTREAM_RUN;
  if (given) return { ...enginesOf(given), stop: async () => {} };
  // What suffices ours is too little for the Kafka engine's blocks, and the peer shall have what it wants.
  const { runFile, stop } = await startScratch(['--engines-only'], { CLICKHOUSE_MEMORY_MIB: '6144' });
  return { ...enginesOf(runFile), stop };
};

const enginesOf = (runFile: string) => {
  const read = () =>
    JSON.parse(readFileSync(runFile, 'utf8')) as {
      kafka: string;
      schemaRegistry: string;
      clickhouse: string;
      processes: { name: string; pid: number }[];
    };
  const { kafka, schemaRegistry, clickhouse } = read();
  return {
    kafka,
    schemaRegistry,
    clickhouse,
    pidOf: (name: string): number => {
      const found = read().processes.find((each) => each.name === name);
      if (found === undefined) throw new Error(`no process ${name} in ${runFile}`);
      return found.pid;
    },
  };
};

const ticksPerSecond = 100;

/** CPU seconds a process has used, all threads together; 0 for one that has ended. */
export const cpuSeconds = (pid: number): number => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  } catch {
    return 0;
  }
};

const pageBytes = 4096;

/** Bytes of memory that a process has resident; 0 for one that has ended. */
export const residentBytes = (pid: number): number => {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * pageBytes;
  } catch {
    return 0;
  }
};
