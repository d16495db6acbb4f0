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
