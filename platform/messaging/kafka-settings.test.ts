import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { envSchema, loadConfig } from '#platform/config';
import { kafkaEnv, kafkaSettings } from '#platform/messaging/kafka-settings';
import { kafkajsConfig } from '#platform/messaging/kafkajs-connection';
import { rdkafkaConfig } from '#platform/messaging/rdkafka-connection';
import { createLogger } from '#platform/telemetry/logger';

const folder = mkdtempSync(join(tmpdir(), 'kafka-settings-'));
afterAll(() => rmSync(folder, { recursive: true }));
const fileWith = (name: string, content: string): string => {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
};
const caFile = fileWith('ca.pem', 'the authority');
const certFile = fileWith('cert.pem', 'the certificate');
const keyFile = fileWith('key.pem', 'the key');

const load = (env: Record<string, string>) =>
  loadConfig(envSchema({ kafka: kafkaSettings }), { KAFKA_BROKERS: 'a:1', ...env }).kafka;
const problemsOf = (env: Record<string, string>): string[] => {
  try {
    load(env);
    return [];
  } catch (error) {
    return (error as Error).message.split('\n').slice(1);
  }
};
const who = { clientId: 'test', logger: createLogger('test', { level: 'silent' }) };
/** The parts of both clients' configurations with the addresses and the login. */
const configsOf = (env: Record<string, string>) => {
  const { client: _, ...where } = load(env);
  const { brokers, sasl, ssl } = kafkajsConfig({ ...where, ...who }, where.brokers);
  const rdkafka = rdkafkaConfig({ ...where, ...who });
  const told = /^(metadata\.broker\.list|security\.|sasl\.|ssl\.)/;
  return {
    kafkajs: { brokers, sasl, ssl },
    rdkafka: Object.fromEntries(Object.entries(rdkafka).filter(([name]) => told.test(name))),
  };
};

const sasl = {
  KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512',
  KAFKA_SASL_USERNAME: 'shop',
  KAFKA_SASL_PASSWORD: 's€cret, =;',
};
const tls = {
  KAFKA_TLS: 'true',
  KAFKA_TLS_CA_FILE: caFile,
  KAFKA_TLS_CERT_FILE: certFile,
  KAFKA_TLS_KEY_FILE: keyFile,
  KAFKA_TLS_KEY_PASSWORD: 'open',
};

describe('the settings of Kafka', () => {
  test('are kafkajs in the clear and without a name where only brokers are set', () => {
    expect(load({ KAFKA_BROKERS: 'a:1, [::1]:9092' })).toEqual({
      client: 'kafkajs',
      brokers: ['a:1', '[::1]:9092'],
    });
    expect(configsOf({})).toEqual({
      kafkajs: { brokers: ['a:1'], sasl: undefined, ssl: undefined },
      rdkafka: { 'metadata.broker.list': 'a:1', 'security.protocol': 'plaintext' },
    });
  });

  test.each([
    ['PLAIN', 'plain'],
    ['SCRAM-SHA-256', 'scram-sha-256'],
    ['SCRAM-SHA-512', 'scram-sha-512'],
  ])('give both clients a name by %s', (mechanism, kafkajsMechanism) => {
    const { kafkajs, rdkafka } = configsOf({ ...sasl, KAFKA_SASL_MECHANISM: mechanism });
    expect(kafkajs.sasl).toEqual({ mechanism: kafkajsMechanism, username: 'shop', password: 's€cret, =;' });
    expect(rdkafka).toMatchObject({
      'security.protocol': 'sasl_plaintext',
      'sasl.mechanisms': mechanism,
      'sasl.username': 'shop',
      'sasl.password': 's€cret, =;',
    });
  });

  test('encrypt both clients, with a certificate of their own where there is one', () => {
    expect(configsOf({ KAFKA_TLS: 'true' })).toMatchObject({
      kafkajs: { ssl: {} },
      rdkafka: { 'security.protocol': 'ssl' },
    });
    expect(configsOf(tls)).toMatchObject({
      kafkajs: {
        ssl: { ca: ['the authority'], cert: 'the certificate', key: 'the key', passphrase: 'open' },
      },
      rdkafka: {
        'security.protocol': 'ssl',
        'ssl.ca.location': caFile,
        'ssl.certificate.location': certFile,
        'ssl.key.location': keyFile,
        'ssl.key.password': 'open',
      },
    });
    expect(configsOf({ ...sasl, ...tls }).rdkafka['security.protocol']).toBe('sasl_ssl');
  });

  test('are passed on to another process as they were read', () => {
    for (const env of [{ KAFKA_CLIENT: 'rdkafka' }, sasl, { KAFKA_TLS: 'true' }, { ...sasl, ...tls }])
      expect(load(kafkaEnv(load(env)))).toEqual(load(env));
  });

  test.each<[Record<string, string>, string[]]>([
    [
      { KAFKA_BROKERS: '::1:9092' },
      ['  KAFKA_BROKERS must be host:port, separated by commas, an IPv6 address in brackets'],
    ],
    [{ KAFKA_CLIENT: 'java' }, ['  KAFKA_CLIENT must be kafkajs or rdkafka']],
    [
      { KAFKA_SASL_MECHANISM: 'GSSAPI' },
      ['  KAFKA_SASL_MECHANISM must be PLAIN or SCRAM-SHA-256 or SCRAM-SHA-512'],
    ],
    [
      { KAFKA_SASL_MECHANISM: 'PLAIN' },
      [
        '  KAFKA_SASL_USERNAME is required with KAFKA_SASL_MECHANISM',
        '  KAFKA_SASL_PASSWORD is required with KAFKA_SASL_MECHANISM',
      ],
    ],
    [{ KAFKA_SASL_PASSWORD: 'x' }, ['  KAFKA_SASL_PASSWORD needs KAFKA_SASL_MECHANISM']],
    [{ KAFKA_TLS_CA_FILE: caFile }, ['  KAFKA_TLS_CA_FILE needs KAFKA_TLS=true']],
    [
      { KAFKA_TLS: 'true', KAFKA_TLS_CA_FILE: join(folder, 'none.pem') },
      ['  KAFKA_TLS_CA_FILE must be the path of a file that can be read'],
    ],
    [
      { KAFKA_TLS: 'true', KAFKA_TLS_CERT_FILE: certFile },
      ['  KAFKA_TLS_CERT_FILE needs KAFKA_TLS_KEY_FILE'],
    ],
    [{ KAFKA_TLS: 'true', KAFKA_TLS_KEY_FILE: keyFile }, ['  KAFKA_TLS_KEY_FILE needs KAFKA_TLS_CERT_FILE']],
    [
      { KAFKA_TLS: 'true', KAFKA_TLS_KEY_PASSWORD: 'x' },
      ['  KAFKA_TLS_KEY_PASSWORD needs KAFKA_TLS_KEY_FILE'],
    ],
  ])('refuse %j, a line for each variable', (env, problems) => {
    expect(problemsOf(env)).toEqual(problems);
  });
});
