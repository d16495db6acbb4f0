import type { ProcessSpec } from '../supervision/supervised-process.js';

/** A real engine on this machine. The supervisor starts and stops the process; the engine says how and when. */
export type Engine = {
  name: EngineName;
  /** What its clients are given. */
  url: string;
  /** Makes the data folder ready for the process; done before the first start, and harmless when repeated. */
  prepare(): Promise<void>;
  process: ProcessSpec;
};

export const engineNames = [
  'kafka',
  'schema-registry',
  'clickhouse',
  'postgres',
  'redis',
  'zipkin',
  'prometheus',
] as const;
export type EngineName = (typeof engineNames)[number];

/** The variable that names an engine run by somebody else: where it is set, none is started here. */
export const externalEngine = {
  kafka: 'KAFKA_BROKERS',
  'schema-registry': 'SCHEMA_REGISTRY_URL',
  clickhouse: 'CLICKHOUSE_URL',
  postgres: 'DATABASE_URL',
  redis: 'REDIS_URL',
  zipkin: 'ZIPKIN_URL',
} as const satisfies Partial<Record<EngineName, string>>;

export type ClientEngine = keyof typeof externalEngine;
