import { mkdirSync } from 'node:fs';
import type { Engine } from './engine.js';
import { jvmEnv, jvmFlags } from './jvm.js';
import { answersHttp } from './probes.js';

/** Apicurio behind its Confluent-compatible API. Its H2 file keeps schema ids over restarts and kill -9. */
export const schemaRegistry = (options: {
  dataDir: string;
  port: number;
  java: string;
  home: string;
  /** Of the JVM, such as where its class archive lies. */
  extraFlags?: readonly string[];
}): Engine => {
  const { dataDir, port, java, home, extraFlags = [] } = options;
  const origin = `http://127.0.0.1:${port}`;
  return {
    name: 'schema-registry',
    url: `${origin}/apis/ccompat/v7`,
    async prepare() {
      mkdirSync(dataDir, { recursive: true });
    },
    process: {
      name: 'schema-registry',
      url: `${origin}/apis/ccompat/v7`,
      command: [
        java,
        ...jvmFlags({ heapStartMb: 48, heapMostMb: 144 }),
        ...extraFlags,
        '-Djava.util.logging.manager=org.jboss.logmanager.LogManager',
        '-cp',
        `${home}/*:${home}/lib/*`,
        'io.quarkus.runner.GeneratedMain',
      ],
      env: {
        ...jvmEnv,
        QUARKUS_HTTP_HOST: '127.0.0.1',
        QUARKUS_HTTP_PORT: `${port}`,
        QUARKUS_DATASOURCE_JDBC_URL: 'jdbc:h2:file:./registry',
        QUARKUS_DATASOURCE_JDBC_INITIAL_SIZE: '2',
        QUARKUS_DATASOURCE_JDBC_MIN_SIZE: '2',
        QUARKUS_DATASOURCE_JDBC_MAX_SIZE: '8',
        QUARKUS_LOG_LEVEL: 'WARN',
        QUARKUS_THREAD_POOL_MAX_THREADS: '16',
        VERTX_CACHE_DIR_BASE: 'vertx',
      },
      // The path is relative, because H2 would read text after a semicolon as settings.
      cwd: dataDir,
      // As the services ask about its health: the list of all subjects took half as long again.
      probe: () => answersHttp(`${origin}/apis/ccompat/v7/config`),
    },
  };
};
