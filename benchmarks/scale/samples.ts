import type { ClickHouse } from '#platform/clickhouse/client';
import { memoryOf } from '../../local/process-memory.js';
import { readRunFile } from '../../tests/shop.js';
import { processesOf, type Run } from '../checkout/systems.js';
import { readCpuMs } from '../process-figures.js';
import { mostParts } from './parts.js';

/** What a platform has still to do. */
export type Backlog = {
  /** Records that consumers have not handled yet, by group. */
  lagByGroup: Record<string, number>;
  /** Rows of all outboxes that Kafka has not acknowledged. */
  outboxRows: number;
  /** Services and jobs that did not answer with their metrics; the lag and the rows leave theirs out. */
  silent: string[];
};

/** What a platform under load holds at one moment. */
export type Sample = Backlog & {
  atMs: number;
  memoryMbByProcess: Record<string, number>;
  /** The active parts of ClickHouse's table that has most. */
  partsMax: number;
  /** CPU time of the whole platform since it started. */
  cpuMs: number;
};

const answerMsMax = 5_000;

/** `sinceMs` is the moment of `performance.now()` that counts as 0. */
export const takeSample = async (
  runFile: string,
  { sinceMs, clickhouse }: { sinceMs: number; clickhouse: Pick<ClickHouse, 'query'> },
): Promise<Sample> => {
  const backlog = await readBacklog(runFile);
  const run = readRunFile(runFile);
  return {
    ...backlog,
    atMs: performance.now() - sinceMs,
    memoryMbByProcess: Object.fromEntries([...memoryOf(run)].map(([name, kib]) => [name, kib / 1024])),
    partsMax: await mostParts(clickhouse),
    cpuMs: [...readCpuMs(processesOf(run)).values()].reduce((sum, ms) => sum + ms, 0),
  };
};

export const readBacklog = async (runFile: string): Promise<Backlog> => {
  const { metrics, silent } = await metricsOf(runFile);
  const lagByGroup: Record<string, number> = {};
  for (const { name, labels, value } of metrics) {
    const group = /group="([^"]*)"/.exec(labels)?.[1];
    if (name === 'kafka_consumer_lag' && group !== undefined)
      lagByGroup[group] = (lagByGroup[group] ?? 0) + value;
  }
  return {
    lagByGroup,
    silent,
    outboxRows: metrics
      .filter(({ name }) => name === 'outbox_unpublished' || name === 'imported_events_waiting')
      .reduce((sum, { value }) => sum + value, 0),
  };
};

type Metric = { name: string; labels: string; value: number };

/** Of all services and jobs, and which of them did not answer. */
export const metricsOf = async (runFile: string): Promise<{ metrics: Metric[]; silent: string[] }> => {
  // Read again each time: the launcher may have replaced a process.
  const run = readRunFile(runFile);
  const silent: string[] = [];
  const texts = await Promise.all(
    metricsUrlsOf(run).map((url) =>
      metricsAt(url).catch((error: Error) => {
        silent.push(error.message);
        return '';
      }),
    ),
  );
  return { metrics: texts.flatMap(parse), silent };
};

const engines = new Set([
  'schema-registry',
  'clickhouse',
  'redis',
  'postgres',
  'kafka',
  'zipkin',
  'prometheus',
]);

const metricsUrlsOf = (run: Run): string[] =>
  run.processes.flatMap(({ name, url }) =>
    engines.has(name) || url === undefined ? [] : [`${url}/metrics`],
  );

const metricsAt = async (url: string): Promise<string> => {
  const answer = await fetch(url, { signal: AbortSignal.timeout(answerMsMax) });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return answer.text();
};

const parse = (text: string): Metric[] =>
  text.split('\n').flatMap((line) => {
    const match = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line);
    return match ? [{ name: match[1] as string, labels: match[2] ?? '', value: Number(match[3]) }] : [];
  });
