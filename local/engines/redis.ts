import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Engine } from './engine.js';
import { keptPassword } from './kept-password.js';
import { answersTcp } from './probes.js';

const configFile = 'redis.conf';

/**
 * A bounded cache that keeps its data over a restart: it appends to a file and syncs it once a second. It asks for a
 * password, which is in a file because everybody on the machine can read a command line.
 */
export const redis = (options: { dataDir: string; port: number; program: string }): Engine => {
  const { dataDir, port, program } = options;
  const password = keptPassword(dataDir);
  const settings: Record<string, string> = {
    port: `${port}`,
    bind: '127.0.0.1',
    dir: '.',
    daemonize: 'no',
    appendonly: 'yes',
    appendfsync: 'everysec',
    'auto-aof-rewrite-min-size': '32mb',
    save: '',
    maxmemory: '512mb',
    'maxmemory-policy': 'allkeys-lru',
    // How often a second it looks for what has expired, whether or not anything happens.
    hz: '2',
  };
  return {
    name: 'redis',
    url: `redis://:${password}@127.0.0.1:${port}`,
    async prepare() {
      mkdirSync(dataDir, { recursive: true });
      const file = join(dataDir, configFile);
      writeFileSync(file, `requirepass ${password}\n`, { mode: 0o600 });
      chmodSync(file, 0o600);
    },
    process: {
      name: 'redis',
      url: `redis://127.0.0.1:${port}`,
      command: [
        program,
        configFile,
        ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
      ],
      cwd: dataDir,
      probe: () =>
        answersTcp(port, Buffer.from(`AUTH ${password}\r\nPING\r\n`), (answer) =>
          answer.toString().includes('+PONG'),
        ),
    },
  };
};
