import { execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { envSchema, loadConfig } from '#platform/config';
import type { BatchHandler, Broker } from '#platform/messaging/broker';
import { type KafkaSettings, kafkaSettings } from '#platform/messaging/kafka-settings';
import { openBroker } from '#platform/messaging/open-broker';
import { loadRdkafka } from '#platform/messaging/rdkafka-module';
import { createLogger } from '#platform/telemetry/logger';
import { eventually } from '#platform/testing/eventually';
import { createPorts } from '../local/data-folder/ports.js';
import { kafka } from '../local/engines/kafka.js';
import { createProgress } from '../local/progress.js';
import { installSoftware } from '../local/software/software.js';

/** Starts a broker with a listener for each kind of security, and returns the settings for each. */

const folder = mkdtempSync(join(tmpdir(), 'kafka-security-'));
const login = { username: 'shop', password: 'open-sesame' };
const logger = createLogger('kafka-security', { level: 'fatal' });
const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === '::1'),
);

const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });

/** Creates a certificate authority and certificates for the broker and a client. */
const makeCertificates = () => {
  const newKey = ['-newkey', 'rsa:2048', '-nodes', '-days', '2', '-sha256'];
  openssl('req', '-x509', ...newKey, '-subj', '/CN=authority', '-keyout', 'ca.key', '-out', 'ca.pem');
  for (const [name, subject] of [
    ['broker', 'DNS:localhost,IP:127.0.0.1'],
    ['client', 'DNS:client'],
  ] as const) {
    const files = ['-keyout', `${name}.key`, '-out', `${name}.pem`];
    const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-addext', `subjectAltName=${subject}`];
    openssl('req', '-x509', ...newKey, '-subj', `/CN=${name}`, ...signed, ...files);
  }
  openssl('rsa', '-aes256', '-passout', 'pass:open', '-in', 'client.key', '-out', 'client-locked.key');
  // Kafka reads keys in PKCS 8, which is what openssl writes.
  const chain = ['broker.key', 'broker.pem'].map((file) => readFileSync(join(folder, file), 'utf8'));
  writeFileSync(join(folder, 'keystore.pem'), chain.join(''));
};

const file = (name: string) => join(folder, name);
let port: Record<'client' | 'controller' | 'encrypted' | 'mutual' | 'ipv6', number>;
let stop: () => Promise<void> = async () => {};

beforeAll(async () => {
  makeCertificates();
  const ports = createPorts(folder, {});
  port = {
    client: await ports.of('client'),
    controller: await ports.of('controller'),
    encrypted: await ports.of('encrypted'),
    mutual: await ports.of('mutual'),
    ipv6: await ports.of('ipv6'),
  };
  const software = await installSoftware(new Set(['kafka']), {
    env: process.env,
    dataDir: folder,
    progress: createProgress(process.stderr),
    signal: new AbortController().signal,
  });
  const plain = (listener: string) => ({
    [`listener.name.${listener}.sasl.enabled.mechanisms`]: 'PLAIN',
    [`listener.name.${listener}.plain.sasl.jaas.config`]: `org.apache.kafka.common.security.plain.PlainLoginModule required user_${login.username}=${JSON.stringify(login.password)};`,
  });
  const listeners = {
    CLIENT: `127.0.0.1:${port.client}`,
    ENCRYPTED: `localhost:${port.encrypted}`,
    MUTUAL: `127.0.0.1:${port.mutual}`,
    ...(hasIpv6 ? { IPV6: `[::1]:${port.ipv6}` } : {}),
  };
  const listed = Object.entries(listeners).map(([name, address]) => `${name}://${address}`);
  const engine = kafka({
    dataDir: join(folder, 'kafka'),
    port: port.client,
    controllerPort: port.controller,
    java: software.java,
    libs: software.kafkaLibs,
    login,
    properties: {
      listeners: [...listed, `CONTROLLER://127.0.0.1:${port.controller}`].join(),
      'advertised.listeners': listed.join(),
      'listener.security.protocol.map':
        'CLIENT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT,ENCRYPTED:SASL_SSL,MUTUAL:SSL,IPV6:PLAINTEXT',
      ...plain('encrypted'),
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.location': file('keystore.pem'),
      'ssl.truststore.type': 'PEM',
      'ssl.truststore.location': file('ca.pem'),
      'listener.name.mutual.ssl.client.auth': 'required',
    },
  });
  await engine.prepare();
  const [program, ...args] = engine.process.command;
  const broker = spawn(program, args, {
    cwd: engine.process.cwd,
    env: { ...process.env, ...engine.process.env },
  });
  let said = '';
  for (const stream of [broker.stdout, broker.stderr])
    stream.on('data', (chunk) => {
      said = `${said}${chunk}`.slice(-5_000);
    });
  const exited = new Promise<void>((resolve) => broker.once('exit', () => resolve()));
  stop = async () => {
    broker.kill('SIGKILL');
    await exited;
  };
  await eventually(() => engine.process.probe(), { timeoutMs: 200_000, everyMs: 100, message: () => said });
}, 240_000);

afterAll(async () => {
  await stop();
  rmSync(folder, { recursive: true, force: true });
});

const settings = (env: Record<string, string>): KafkaSettings =>
  loadConfig(envSchema({ kafka: kafkaSettings }), env).kafka;
const as = (mechanism: string, password = login.password) => ({
  KAFKA_SASL_MECHANISM: mechanism,
  KAFKA_SASL_USERNAME: login.username,
  KAFKA_SASL_PASSWORD: password,
});
const trusting = () => ({ KAFKA_TLS: 'true', KAFKA_TLS_CA_FILE: file('ca.pem') });
const certified = () => ({
  ...trusting(),
  KAFKA_TLS_CERT_FILE: file('client.pem'),
  KAFKA_TLS_KEY_FILE: file('client-locked.key'),
  KAFKA_TLS_KEY_PASSWORD: 'open',
});

/** Creates a topic, writes to it and reads it back; what was read. */
const roundTrip = async (broker: Broker): Promise<string[]> => {
  const topic = `security-${randomUUID()}`;
  const admin = await broker.admin();
  await admin.createTopics([{ topic, partitions: 1 }]);
  const producer = await broker.producer();
  await producer.send([{ topic, key: 'k', value: Buffer.from('said and heard') }]);
  const read: string[] = [];
  const consumer = broker.consumer({ group: `security.${randomUUID()}`, topics: [topic] });
  const handle: BatchHandler = async ({ records }, control) => {
    read.push(...records.map(({ value }) => String(value)));
    await control.commit((records.at(-1)?.offset ?? 0n) + 1n);
  };
  // The first group of all makes the broker create the topic of offsets.
  await eventually(() => consumer.run(handle), { timeoutMs: 20_000 });
  await eventually(() => read.length > 0, { timeoutMs: 20_000 });
  await Promise.all([consumer.close(), producer.close(), admin.close()]);
  return read;
};

const clients = ['kafkajs', ...(loadRdkafka() === undefined ? [] : ['rdkafka'])];
if (clients.length === 1)
  test('rdkafka with SASL and TLS', ({ skip }) =>
    skip('node-rdkafka is not built here: npm run build:rdkafka'));

describe.each(clients)('%s', (client) => {
  const open = (env: Record<string, string>) =>
    openBroker(settings({ KAFKA_CLIENT: client, ...env }), { clientId: 'security', logger });

  test.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])('logs in by %s', async (mechanism) => {
    const broker = open({ KAFKA_BROKERS: `127.0.0.1:${port.client}`, ...as(mechanism) });
    expect(await roundTrip(broker)).toEqual(['said and heard']);
  });

  test('logs in over TLS, trusting an authority of its own', async () => {
    const broker = open({ KAFKA_BROKERS: `localhost:${port.encrypted}`, ...trusting(), ...as('PLAIN') });
    expect(await roundTrip(broker)).toEqual(['said and heard']);
  });

  test('shows a certificate where the broker asks for one, at an address without a name', async () => {
    const broker = open({ KAFKA_BROKERS: `127.0.0.1:${port.mutual}`, ...certified() });
    expect(await roundTrip(broker)).toEqual(['said and heard']);
  });

  test('finds a broker by its IPv6 address', async ({ skip }) => {
    skip(!hasIpv6, 'this machine has no IPv6 address');
    expect(await roundTrip(open({ KAFKA_BROKERS: `[::1]:${port.ipv6}` }))).toEqual(['said and heard']);
  });

  test.each<[string, () => Record<string, string>, RegExp]>([
    [
      'a wrong password',
      () => ({ KAFKA_BROKERS: `127.0.0.1:${port.client}`, ...as('PLAIN', 'no') }),
      /authentication/i,
    ],
    [
      'an authority that it does not trust',
      () => ({ KAFKA_BROKERS: `localhost:${port.encrypted}`, KAFKA_TLS: 'true', ...as('PLAIN') }),
      /certificate/i,
    ],
  ])('says in one line that it failed by %s', async (_what, env, reason) => {
    const failure = await open(env())
      .admin()
      .then(
        () => undefined,
        (error: Error) => error,
      );
    expect(failure).toMatchObject({ code: 'broker_unavailable', message: expect.stringMatching(reason) });
  });
});
