import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Engine } from './engine.js';
import { jvmEnv, jvmFlags } from './jvm.js';
import { answersTcp } from './probes.js';
import { runToEnd } from './run-to-end.js';

/** Consists of letters, digits, `-` and `_`. */
export type KafkaLogin = { username: string; password: string };

export type KafkaOptions = {
  dataDir: string;
  port: number;
  controllerPort: number;
  java: string;
  libs: string;
  /** Of the JVM, such as where its class archive lies. */
  extraFlags?: readonly string[];
  /**
   * The login of its clients: by PLAIN, and by SCRAM too if the data folder was created with it. If unset, clients need
   * no login.
   */
  login?: KafkaLogin;
  /** Broker settings that are added to the default ones, or replace them. */
  properties?: Readonly<Record<string, string>>;
};

/** One broker that is its own KRaft controller. */
export const kafka = (options: KafkaOptions): Engine => {
  const {
    dataDir,
    port,
    controllerPort,
    java,
    libs,
    extraFlags = [],
    login,
    properties: more = {},
  } = options;
  // Relative to the data folder, in which it runs: Kafka splits `log.dirs` at commas and has no way to escape one.
  const logDir = 'log';
  const properties = 'server.properties';
  const classPath = ['-cp', join(libs, '*')];
  const logging = [
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    '-Dorg.slf4j.simpleLogger.showDateTime=true',
  ];

  return {
    name: 'kafka',
    url: `127.0.0.1:${port}`,
    async prepare() {
      mkdirSync(dataDir, { recursive: true });
      const settings = {
        ...serverSettings({ port, controllerPort, logDir }),
        ...loginSettings(login),
        ...more,
      };
      writeFileSync(join(dataDir, properties), toProperties(settings), { mode: 0o600 });
      if (existsSync(join(dataDir, logDir, 'meta.properties'))) return;
      const clusterId = newClusterId();
      await runToEnd(
        [
          java,
          ...jvmFlags({ heapStartMb: 64, heapMostMb: 256 }),
          ...logging,
          ...classPath,
          'kafka.tools.StorageTool',
          'format',
          '--ignore-formatted',
          '-t',
          clusterId,
          '-c',
          properties,
          ...scramArguments(login),
        ],
        { cwd: dataDir, env: jvmEnv },
      );
    },
    process: {
      name: 'kafka',
      url: `127.0.0.1:${port}`,
      command: [
        java,
        ...jvmFlags({ heapStartMb: 96, heapMostMb: 288 }),
        '-XX:MaxDirectMemorySize=96m',
        ...extraFlags,
        ...logging,
        ...classPath,
        'kafka.Kafka',
        properties,
      ],
      env: jvmEnv,
      cwd: dataDir,
      probe: () => answersTcp(port, apiVersionsRequest, isApiVersionsAnswer),
    },
  };
};

/** 16 random bytes as Kafka writes them. Like Kafka's own ids it never begins with `-`, which its tool takes for an option. */
export const newClusterId = (bytes: (count: number) => Buffer = randomBytes): string => {
  while (true) {
    const id = bytes(16).toString('base64url');
    if (!id.startsWith('-')) return id;
  }
};

type ServerSettings = Record<string, string | number | boolean>;

/** Java reads the file as Latin-1, with its own escapes. */
const toProperties = (settings: ServerSettings): string =>
  Object.entries(settings)
    .map(([name, value]) => `${name}=${escaped(String(value))}\n`)
    .join('');

const escaped = (value: string): string =>
  value
    .replaceAll('\\', '\\\\')
    .replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

const scramMechanisms = ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;

/** The controller requires the same login: it shares the process and listens on a port of its own. */
const loginSettings = (login: KafkaLogin | undefined): ServerSettings => {
  if (login === undefined) return {};
  const { username, password } = login;
  const modules = 'org.apache.kafka.common.security';
  const plain = `${modules}.plain.PlainLoginModule required username="${username}" password="${password}" user_${username}="${password}";`;
  return {
    'listener.security.protocol.map': 'CLIENT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT',
    'sasl.enabled.mechanisms': ['PLAIN', ...scramMechanisms].join(),
    'sasl.mechanism.inter.broker.protocol': 'PLAIN',
    'sasl.mechanism.controller.protocol': 'PLAIN',
    'listener.name.controller.sasl.enabled.mechanisms': 'PLAIN',
    'listener.name.controller.plain.sasl.jaas.config': plain,
    'listener.name.client.plain.sasl.jaas.config': plain,
    ...Object.fromEntries(
      scramMechanisms.map((mechanism) => [
        `listener.name.client.${mechanism.toLowerCase()}.sasl.jaas.config`,
        `${modules}.scram.ScramLoginModule required;`,
      ]),
    ),
  };
};

const scramArguments = (login: KafkaLogin | undefined): string[] =>
  login === undefined
    ? []
    : scramMechanisms.flatMap((mechanism) => [
        '--add-scram',
        `${mechanism}=[name=${login.username},password=${login.password}]`,
      ]);

const serverSettings = (options: {
  port: number;
  controllerPort: number;
  logDir: string;
}): ServerSettings => {
  const mebi = 1024 * 1024;
  return {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${options.controllerPort}`,
    listeners: `CLIENT://127.0.0.1:${options.port},CONTROLLER://127.0.0.1:${options.controllerPort}`,
    'advertised.listeners': `CLIENT://127.0.0.1:${options.port}`,
    'listener.security.protocol.map': 'CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'CLIENT',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': options.logDir,
    'auto.create.topics.enable': false,
    'num.partitions': 6,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 6,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 4,
    'group.initial.rebalance.delay.ms': 0,
    // A broker that is silent for this long is fenced: all partitions and groups change their leader, and every client
    // has to reconnect. With a single broker that has no use, so a short stall (a slow or sleeping machine) should not
    // cause it. But a killed broker also has to wait this long before it may return. The default is 9 s.
    'broker.session.timeout.ms': 6_000,
    // Each passes through six threads of this process. Three a second were a third of what an idle broker computed.
    'broker.heartbeat.interval.ms': 1_500,
    // Every thread that waits for work looks for it three times a second.
    'num.network.threads': 1,
    'num.io.threads': 2,
    'group.coordinator.threads': 1,
    'background.threads': 1,
    'num.recovery.threads.per.data.dir': 2,
    'log.segment.bytes': 128 * mebi,
    'log.cleaner.threads': 1,
    'log.cleaner.dedupe.buffer.size': 8 * mebi,
    'log.cleaner.io.buffer.size': mebi / 4,
    'log.index.size.max.bytes': mebi,
    'socket.request.max.bytes': 32 * mebi,
    'metadata.log.segment.bytes': 16 * mebi,
    // Writes no records into the metadata that only say that nothing has happened.
    'metadata.max.idle.interval.ms': 0,
  };
};

/**
 * ApiVersions v0, the one request every broker answers: size, api key 18, version 0, correlation id, client id. The
 * broker listens only once it is caught up and unfenced, so an answer means that it serves.
 */
const correlationId = 0x63617274;
const apiVersionsRequest = (() => {
  const clientId = Buffer.from('probe');
  const request = Buffer.alloc(14 + clientId.length);
  request.writeInt32BE(10 + clientId.length, 0);
  request.writeInt16BE(18, 4);
  request.writeInt16BE(0, 6);
  request.writeInt32BE(correlationId, 8);
  request.writeInt16BE(clientId.length, 12);
  clientId.copy(request, 14);
  return request;
})();

const isApiVersionsAnswer = (answer: Buffer): boolean =>
  answer.length >= 10 && answer.readInt32BE(4) === correlationId && answer.readInt16BE(8) === 0;
