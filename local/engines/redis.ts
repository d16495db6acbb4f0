import { mkdirSync } from 'node:fs';
import type { Engine } from './engine.js';
import { answersTcp } from './probes.js';

/** A bounded cache that keeps its data over a restart: it appends to a file and syncs it once a second. */
export function redis(options: { dataDir: string; port: number; program: string }): Engine {
  const { dataDir, port, program } = options;
  const url = `redis://127.0.0.1:${port}`;
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
  };
  return {
    name: 'redis',
    url,
    async prepare() {
      mkdirSync(dataDir, { recursive: true });
    },
    process: {
      name: 'redis',
      url,
      command: [program, ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])],
      cwd: dataDir,
      probe: () =>
        answersTcp(port, Buffer.from('PING\r\n'), (answer) => answer.toString().startsWith('+PONG')),
    },
  };
}
