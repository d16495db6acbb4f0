import { readFileSync } from 'node:fs';
import { projectPath } from '#platform/project';

export const flinkVersion = '2.1.0';

/** The jobs of stream-jobs/flink. */
export const flinkJobs = ['live-metrics', 'visits', 'product-performance', 'item-pairs'] as const;

export const flinkFile = (name: string): string =>
  readFileSync(projectPath(`stream-jobs/flink/${name}`), 'utf8');

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
