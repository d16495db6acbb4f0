import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { projectPath } from '#platform/project';

/**
 * Compiling node-rdkafka takes minutes, and a first `npm start` must not wait for that: it is an optional peer in
 * package.json, which npm does not install by itself. It is loaded from `node_modules` where it is installed, as in the
 * Docker image, or from a cache outside the checkout, where it is built once for its version and Node's binary
 * interface.
 */
export const rdkafkaVersion: string = (
  JSON.parse(readFileSync(projectPath('package.json'), 'utf8')) as {
    peerDependencies: Record<'node-rdkafka', string>;
  }
).peerDependencies['node-rdkafka'];

export const rdkafkaFolder = (): string =>
  join(
    process.env.CARTSTREAM_CACHE ||
      join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'cartstream'),
    'node-rdkafka',
    `${rdkafkaVersion}-node${process.versions.modules}-${process.platform}-${process.arch}`,
  );

/** The module, or undefined when it has not been built. */
export const loadRdkafka = (): RdkafkaModule | undefined => {
  const installed = projectPath('node_modules/node-rdkafka/build/Release/node-librdkafka.node');
  if (existsSync(installed)) return requireFrom(projectPath('package.json'));
  const folder = rdkafkaFolder();
  return existsSync(join(folder, 'built')) ? requireFrom(join(folder, 'package.json')) : undefined;
};

const requireFrom = (file: string): RdkafkaModule => createRequire(file)('node-rdkafka') as RdkafkaModule;

/** The part of node-rdkafka's interface that the broker uses; its own types are not installed with the project. */
export type RdkafkaModule = {
  KafkaConsumer: new (config: object, topicConfig: object) => RdkafkaConsumer;
  HighLevelProducer: unknown;
  Producer: new (config: object, topicConfig: object) => RdkafkaProducer;
  AdminClient: { create(config: object): RdkafkaAdmin };
  CODES: { ERRORS: Record<string, number> };
};

export type RdkafkaError = Error & { code?: number; isFatal?: boolean; isRetriable?: boolean };
export type RdkafkaAssignment = { topic: string; partition: number; offset?: number };
export type RdkafkaMessage = {
  topic: string;
  partition: number;
  offset: number;
  key: Buffer | string | null | undefined;
  value: Buffer | null;
  timestamp?: number;
  headers?: Record<string, Buffer | string>[];
  size: number;
};
export type RdkafkaMetadata = { topics: { name: string; partitions: { id: number }[] }[] };
type Done<T = void> = (error: RdkafkaError | null | undefined, result: T) => void;
export type RdkafkaClient = {
  connect(options: { timeout?: number; allTopics?: boolean; topic?: string }, done: Done<unknown>): void;
  disconnect(done: Done<unknown>): void;
  on(event: string, listener: (...given: never[]) => void): void;
  getMetadata(options: { topic?: string; timeout?: number }, done: Done<RdkafkaMetadata>): void;
  queryWatermarkOffsets(
    topic: string,
    partition: number,
    timeoutMs: number,
    done: Done<{ lowOffset: number; highOffset: number }>,
  ): void;
  /** The `offset` of each is a time, epoch ms. */
  offsetsForTimes(at: RdkafkaAssignment[], timeoutMs: number, done: Done<RdkafkaAssignment[]>): void;
};
export type RdkafkaConsumer = RdkafkaClient & {
  subscribe(topics: string[]): void;
  unsubscribe(): void;
  assign(partitions: RdkafkaAssignment[]): void;
  unassign(): void;
  consume(count: number, done: Done<RdkafkaMessage[]>): void;
  setDefaultConsumeTimeout(ms: number): void;
  setDefaultConsumeLoopTimeoutDelay?(ms: number): void;
  pause(partitions: RdkafkaAssignment[]): void;
  resume(partitions: RdkafkaAssignment[]): void;
  commitSync(partitions: RdkafkaAssignment[]): void;
  commit(partitions: RdkafkaAssignment[]): void;
  committed(partitions: RdkafkaAssignment[], timeoutMs: number, done: Done<RdkafkaAssignment[]>): void;
  getWatermarkOffsets(topic: string, partition: number): { lowOffset: number; highOffset: number };
  rebalanceProtocol?(): string;
};
export type RdkafkaProducer = RdkafkaClient & {
  produce(
    topic: string,
    partition: number | null,
    value: Buffer | null,
    key: Buffer | string | null,
    timestampMs: number | undefined,
    opaque: unknown,
    headers?: Record<string, Buffer | string>[],
  ): void;
  poll(): void;
  setPollInterval(ms: number): void;
  setPollInBackground?(inBackground: boolean): void;
  flush(timeoutMs: number, done: Done): void;
  /** Waits up to `flushMs` for requests in flight, then ends the client. */
  disconnect(flushMs: number, done: Done<unknown>): void;
};
export type RdkafkaAdmin = {
  createTopic(
    topic: {
      topic: string;
      num_partitions: number;
      replication_factor: number;
      config: Record<string, string>;
    },
    timeoutMs: number,
    done: Done,
  ): void;
  deleteTopic(topic: string, timeoutMs: number, done: Done): void;
  disconnect(): void;
};
