import { inBackground } from '../supervision/background.js';
import type { Engine } from './engine.js';
import { jvmEnv, jvmFlags } from './jvm.js';
import { answersHttp } from './probes.js';

/** Keeps the newest spans in memory: beyond `MEM_MAX_SPANS` it drops the oldest traces, not its health. */
export const zipkin = (options: { port: number; java: string; jar: string }): Engine => {
  const { port, java, jar } = options;
  const origin = `http://127.0.0.1:${port}`;
  return {
    name: 'zipkin',
    url: origin,
    async prepare() {},
    process: {
      name: 'zipkin',
      url: origin,
      command: inBackground([
        java,
        ...jvmFlags({ heapStartMb: 48, heapMostMb: 128 }),
        '-jar',
        jar,
        '--armeria.ports[0].ip=127.0.0.1',
        `--armeria.ports[0].port=${port}`,
        '--armeria.ports[0].protocols[0]=http',
        '--logging.level.root=WARN',
      ]),
      env: { ...jvmEnv, MEM_MAX_SPANS: '20000', QUERY_PORT: `${port}`, SELF_TRACING_ENABLED: 'false' },
      probe: () => answersHttp(`${origin}/health`),
    },
  };
};
