import { mkdirSync } from 'node:fs';
import { projectPath } from '#platform/project';
import type { Engine } from './engine.js';
import { answersHttp } from './probes.js';

/** The real engine in a process of its own, behind ClickHouse's HTTP interface: see `local/clickhouse-server/`. */
export const clickhouse = (options: { dataDir: string; port: number; spoolDir: string }): Engine => {
  const { dataDir, port, spoolDir } = options;
  const url = `http://127.0.0.1:${port}`;
  return {
    name: 'clickhouse',
    url,
    async prepare() {
      mkdirSync(dataDir, { recursive: true });
    },
    process: {
      name: 'clickhouse',
      url,
      command: [
        process.execPath,
        '--max-old-space-size=128',
        projectPath('dist/local/clickhouse-server/main.js'),
        dataDir,
        `${port}`,
      ],
      // Each running statement occupies a thread of libuv's pool, which has four by default.
      env: { UV_THREADPOOL_SIZE: '16', CLICKHOUSE_SPOOL_DIR: spoolDir },
      probe: () => answersHttp(`${url}/health`),
    },
  };
};
