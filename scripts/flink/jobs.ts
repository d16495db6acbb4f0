import { readFileSync } from 'node:fs';
import { projectPath } from '#platform/project';

export const flinkVersion = '2.1.0';

/** The jobs of stream-jobs/flink. */
export const flinkJobs = ['live-metrics', 'visits', 'product-performance', 'item-pairs'] as const;

export const flinkFile = (name: string): string =>
  readFileSync(projectPath(`stream-jobs/flink/${name}`), 'utf8');

/** Fields of a windowed job's rows that its twin does not compute, by the job: they are not compared. */
export const notInTwin: Readonly<Record<'visits' | 'product-performance', readonly string[]>> = {
  visits: ['event_id', 'path', 'orders', 'abandoned'],
  'product-performance': ['event_id'],
};

/** The names of the tables that the jobs write. */
export const flinkSinks = (): string[] =>
  flinkJobs.flatMap((job) =>
    [...flinkFile(`${job}.sql`).matchAll(/\$\{SINK:([\w-]+)\}/g)].map(([, sink]) => sink as string),
  );

type Connector = { name: string; version: string; sha256: string };

/** What Flink needs besides its distribution to read the topics. */
export const flinkConnectors = (): Connector[] =>
  flinkFile('connectors.txt')
    .trim()
    .split('\n')
    .map((line) => {
      const [name = '', version = '', sha256 = ''] = line.split(' ');
      return { name, version, sha256 };
    });
