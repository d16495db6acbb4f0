import { PlatformError } from '#platform/errors';
import type { BrokerOptions } from '#platform/messaging/broker-options';
import type { KafkaSasl, KafkaTls } from '#platform/messaging/kafka-settings';
import type {
  RdkafkaClient,
  RdkafkaConsumer,
  RdkafkaError,
  RdkafkaProducer,
} from '#platform/messaging/rdkafka-module';

/** A request of librdkafka's that takes longer has failed. */
export const requestTimeoutMs = 5_000;

/** The configuration of every librdkafka client. */
export const rdkafkaConfig = ({ brokers, clientId, sasl, tls }: BrokerOptions): Record<string, unknown> => ({
  'metadata.broker.list': brokers.join(','),
  'client.id': clientId,
  'socket.keepalive.enable': true,
  'reconnect.backoff.ms': 50,
  'reconnect.backoff.max.ms': 1_000,
  'allow.auto.create.topics': false,
  'security.protocol': `${sasl === undefined ? '' : 'sasl_'}${tls === undefined ? 'plaintext' : 'ssl'}`,
  ...(sasl === undefined ? {} : saslConfig(sasl)),
  ...(tls === undefined ? {} : tlsConfig(tls)),
});

const saslConfig = ({ mechanism, username, password }: KafkaSasl) => ({
  'sasl.mechanisms': mechanism,
  'sasl.username': username,
  'sasl.password': password,
});

const tlsConfig = ({ caFile, certFile, keyFile, keyPassword }: KafkaTls) => ({
  ...(caFile === undefined ? {} : { 'ssl.ca.location': caFile }),
  ...(certFile === undefined ? {} : { 'ssl.certificate.location': certFile }),
  ...(keyFile === undefined ? {} : { 'ssl.key.location': keyFile }),
  ...(keyPassword === undefined ? {} : { 'ssl.key.password': keyPassword }),
});

/**
 * Connects, or throws with the reason. librdkafka writes the reason (a refused password, say) only to its log, which it
 * delivers as events; the error of the connection itself says no more than "transport failure".
 */
export const connectRdkafka = async (
  client: RdkafkaProducer | RdkafkaConsumer,
  action: string,
  { logger, clientId }: BrokerOptions,
): Promise<void> => {
  let reason: string | undefined;
  client.on('event.error', (error: RdkafkaError) => logger.debug({ err: error, clientId }, 'rdkafka'));
  client.on('event.log', ({ severity, fac, message }: RdkafkaLogLine) => {
    if (severity <= errorSeverity) reason = message.replace(/^\[thrd:[^\]]*\]+: /, '');
    logger.debug({ rdkafka: fac, clientId }, message);
  });
  if ('consume' in client) client.setDefaultConsumeTimeout(0);
  let asked: Promise<unknown> = Promise.resolve();
  const asking = setInterval(() => {
    asked = askForEvents(client);
  }, eventsEveryMs);
  try {
    await called((done) => client.connect({ timeout: requestTimeoutMs }, done));
  } catch (error) {
    throw rdkafkaFault(action, reason === undefined ? error : new Error(reason, { cause: error }));
  } finally {
    clearInterval(asking);
    // A pending request for events would otherwise take the first record.
    await asked;
  }
};

type RdkafkaLogLine = { severity: number; fac: string; message: string };

/** Severity 3 of syslog; smaller numbers are worse. */
const errorSeverity = 3;
const eventsEveryMs = 100;

const askForEvents = async (client: RdkafkaProducer | RdkafkaConsumer): Promise<void> => {
  try {
    if ('poll' in client) client.poll();
    else await called((done) => client.consume(1, done));
  } catch {
    // There is nothing to ask yet.
  }
};

export const disconnectRdkafka = async (client: RdkafkaClient): Promise<void> => {
  await called((done) => client.disconnect(done)).catch(() => {});
};

/** The result of a librdkafka function that takes a callback. */
export const called = <T>(
  call: (done: (error: RdkafkaError | null | undefined, result: T) => void) => void,
): Promise<T> =>
  new Promise((resolve, reject) => {
    call((error, result) => (error ? reject(error) : resolve(result)));
  });

/**
 * MSG_SIZE_TOO_LARGE, INVALID_TOPIC, RECORD_LIST_TOO_LARGE, the three AUTHORIZATION_FAILED, INVALID_RECORD,
 * _INVALID_ARG.
 */
const permanentCodes = new Set([10, 17, 18, 29, 30, 31, 87, -186]);
/** The same errors by their texts: node-rdkafka's delivery reports have no code. */
const permanentTexts =
  /message size too large|invalid topic|message batch larger|authorization failed|failed to validate record/i;

/** True for errors that no retry corrects: the record itself is wrong, or this client may not write it. */
export const isPermanent = ({ code, message }: RdkafkaError): boolean =>
  permanentCodes.has(code ?? 0) || permanentTexts.test(message);

export const rdkafkaFault = (action: string, error: unknown): PlatformError => {
  if (error instanceof PlatformError) return error;
  const isRefused = isPermanent(error as RdkafkaError);
  return new PlatformError(
    isRefused ? 'broker_rejected' : 'broker_unavailable',
    `${action}: ${(error as Error).message}`,
    { retriable: !isRefused, cause: error },
  );
};

export const refusal = (message: string): PlatformError =>
  new PlatformError('broker_unavailable', message, { retriable: false });
