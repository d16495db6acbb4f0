import type { ProcessSpec } from '../supervision/supervised-process.js';

/** A real engine on this machine: how to start, probe and stop its process. The supervisor does it. */
export type Engine = {
  name: EngineName;
  /** The address for its clients. */
  url: string;
  /** Prepares the data folder before the first start. May be repeated. */
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

/** The variable with the address of an external engine. If it is set, no local one is started. */
export const externalEngine = {
  kafka: 'KAFKA_BROKERS',
  'schema-registry': 'SCHEMA_REGISTRY_URL',
  clickhouse: 'CLICKHOUSE_URL',
  postgres: 'DATABASE_URL',
  redis: 'REDIS_URL',
  zipkin: 'ZIPKIN_URL',
} as const satisfies Partial<Record<EngineName, string>>;

export type ClientEngine = keyof typeof externalEngine;
