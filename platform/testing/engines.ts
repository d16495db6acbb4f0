import { existsSync, readFileSync } from 'node:fs';
import { envSchema, loadConfig } from '#platform/config';
import { type KafkaSettings, kafkaSettings } from '#platform/messaging/kafka-settings';

export type EngineUrls = {
  /** Uses the client that `KAFKA_CLIENT` names. */
  kafka: KafkaSettings;
  /** Base of the Confluent API. */
  schemaRegistryUrl: string;
  clickhouseUrl: string;
  /** The server's URL; the caller chooses the database. */
  databaseUrl: string;
  redisUrl: string;
  zipkinUrl: string;
};

/** The variable in which `tests/global-setup.ts` passes the path of a running platform's `run.json` to the tests. */
export const runFileVariable = 'CARTSTREAM_RUN';

/**
 * The real engines for integration tests: those of the platform whose `run.json` the variable `CARTSTREAM_RUN` names,
 * else those of the usual environment variables. Throws when there are none: the tests use no stand-in for an engine.
 */
export const engines = (env: Readonly<Record<string, string | undefined>> = process.env): EngineUrls => {
  const runFile = env[runFileVariable];
  if (runFile !== undefined && runFile !== '') {
    if (!existsSync(runFile)) throw new Error(`${runFileVariable}=${runFile}: no platform runs there`);
    const run = JSON.parse(readFileSync(runFile, 'utf8')) as Record<string, string>;
    return {
      kafka: kafkaOf({
        KAFKA_CLIENT: env.KAFKA_CLIENT,
        KAFKA_BROKERS: required(run, 'kafka'),
        KAFKA_SASL_MECHANISM: run.kafkaSaslMechanism,
        KAFKA_SASL_USERNAME: run.kafkaSaslUsername,
        KAFKA_SASL_PASSWORD: run.kafkaSaslPassword,
      }),
      schemaRegistryUrl: required(run, 'schemaRegistry'),
      clickhouseUrl: required(run, 'clickhouse'),
      databaseUrl: required(run, 'postgres'),
      redisUrl: required(run, 'redis'),
      zipkinUrl: required(run, 'zipkin'),
    };
  }
  return {
    kafka: kafkaOf({ ...env, KAFKA_BROKERS: required(env, 'KAFKA_BROKERS') }),
    schemaRegistryUrl: required(env, 'SCHEMA_REGISTRY_URL'),
    clickhouseUrl: required(env, 'CLICKHOUSE_URL'),
    databaseUrl: required(env, 'DATABASE_URL'),
    redisUrl: required(env, 'REDIS_URL'),
    zipkinUrl: required(env, 'ZIPKIN_URL'),
  };
};

const kafkaOf = (env: Readonly<Record<string, string | undefined>>): KafkaSettings =>
  loadConfig(envSchema({ kafka: kafkaSettings }), env).kafka;

/** The `run.json` of the platform under test, for tests that need more of it than its engines. */
export const runFilePath = (env: Readonly<Record<string, string | undefined>> = process.env): string => {
  return required(env, runFileVariable);
};

const required = (source: Readonly<Record<string, string | undefined>>, name: string): string => {
  const value = source[name];
  if (value === undefined || value === '') {
    throw new Error(`no ${name}: run the integration tests by \`npm test\`, or set ${runFileVariable}`);
  }
  return value;
};
