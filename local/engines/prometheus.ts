import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessSpec } from '../supervision/supervised-process.js';
import { answersHttp } from './probes.js';

export type ScrapeTarget = { service: string; url: string };

/** Scrapes every service and job; two days or 256 MB of history, whichever is less. */
export const prometheus = (options: {
  dataDir: string;
  port: number;
  program: string;
  targets: readonly ScrapeTarget[];
}): ProcessSpec & { url: string; prepare(): void } => {
  const { dataDir, port, program, targets } = options;
  const url = `http://127.0.0.1:${port}`;
  const configFile = join(dataDir, 'prometheus.yml');
  return {
    name: 'prometheus',
    url,
    prepare() {
      mkdirSync(dataDir, { recursive: true });
      writeFileSync(configFile, scrapeConfig(targets));
    },
    command: [
      program,
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${join(dataDir, 'tsdb')}`,
      '--storage.tsdb.retention.time=2d',
      '--storage.tsdb.retention.size=256MB',
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    env: { GOMEMLIMIT: '96MiB', GOMAXPROCS: '1' },
    probe: () => answersHttp(`${url}/-/healthy`),
  };
};

/** JSON is YAML: nothing to escape by hand. */
const scrapeConfig = (targets: readonly ScrapeTarget[]): string => {
  const config = {
    global: { scrape_interval: '5s' },
    scrape_configs: [
      {
        job_name: 'cartstream',
        static_configs: targets.map(({ service, url }) => ({
          targets: [new URL(url).host],
          labels: { service },
        })),
      },
    ],
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
};
