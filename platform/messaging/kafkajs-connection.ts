import { readFileSync } from 'node:fs';
import { connect, isIP, type Socket } from 'node:net';
import * as tls from 'node:tls';
import kafkajs, { type Kafka, type KafkaConfig, type SASLOptions } from 'kafkajs';
import { formatAddress, parseAddress } from '#platform/address';
import { PlatformError } from '#platform/errors';
import type { BrokerOptions } from '#platform/messaging/broker-options';
import type { KafkaSasl, KafkaTls } from '#platform/messaging/kafka-settings';
import { registerCodecs } from '#platform/messaging/kafkajs-codecs';
import { encodeRecordsAtOnce } from '#platform/messaging/kafkajs-records';
import { quietenTimers } from '#platform/messaging/kafkajs-timers';

/** One kafkajs client and the means to end it. */
export type KafkajsConnection = {
  kafka: Kafka;
  /**
   * Closes every socket, also those opened later. kafkajs goes on retrying a send after its producer was disconnected,
   * and reconnects for it: records that were given up must not be written after the records that follow them.
   */
  sever(): void;
};

registerCodecs();
quietenTimers();
encodeRecordsAtOnce();

/**
 * Every producer, consumer and admin gets a client of its own: kafkajs keeps committed offsets by client and group, so
 * two members of a group must not share one. Its log lines (it logs ordinary rebalances as errors) go to debug;
 * failures are thrown, and the code that catches them logs them.
 */
export const openConnection = (options: BrokerOptions, retry: KafkaConfig['retry']): KafkajsConnection => {
  const sockets = new Set<Socket>();
  let severed = false;
  const { brokers, hostOf } = withoutColons(options.brokers);
  const kafka = new kafkajs.Kafka({
    ...kafkajsConfig(options, brokers),
    retry: { factor: 0.2, multiplier: 2, ...retry },
    socketFactory: ({ host, port, ssl, onConnect }) => {
      const socket = openSocket(
        hostOf(host),
        port,
        (ssl || undefined) as tls.ConnectionOptions | undefined,
        onConnect,
      );
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      if (severed) socket.destroy(new Error('severed'));
      return socket;
    },
  });
  return {
    kafka,
    sever: () => {
      severed = true;
      for (const socket of sockets) socket.destroy(new Error('severed'));
    },
  };
};

/** The configuration of every kafkajs client; reads the files of `tls`. */
export const kafkajsConfig = (
  { clientId, logger, sasl, tls: security }: BrokerOptions,
  brokers: readonly string[],
): KafkaConfig => ({
  clientId,
  brokers: [...brokers],
  ...(sasl === undefined ? {} : { sasl: saslOptions(sasl) }),
  ...(security === undefined ? {} : { ssl: tlsOptions(security) }),
  connectionTimeout: 3_000,
  authenticationTimeout: 5_000,
  requestTimeout: 10_000,
  logLevel: kafkajs.logLevel.INFO,
  logCreator:
    () =>
    ({ namespace, log: { message, timestamp: _, logger: __, ...extra } }) =>
      logger.debug({ kafkajs: namespace, ...extra }, message),
});

const saslOptions = ({ mechanism, username, password }: KafkaSasl): SASLOptions => ({
  mechanism: mechanism.toLowerCase() as 'plain' | 'scram-sha-256' | 'scram-sha-512',
  username,
  password,
});

export const tlsOptions = ({ caFile, certFile, keyFile, keyPassword }: KafkaTls): tls.ConnectionOptions => ({
  ...(caFile === undefined ? {} : { ca: [readFileSync(caFile, 'utf8')] }),
  ...(certFile === undefined ? {} : { cert: readFileSync(certFile, 'utf8') }),
  ...(keyFile === undefined ? {} : { key: readFileSync(keyFile, 'utf8') }),
  ...(keyPassword === undefined ? {} : { passphrase: keyPassword }),
});

/** kafkajs cuts an address at its first colon: an IPv6 host goes by another name until its socket is opened. */
const withoutColons = (brokers: readonly string[]): { brokers: string[]; hostOf(name: string): string } => {
  const hosts = new Map<string, string>();
  const named = brokers.map((broker) => {
    const address = parseAddress(broker);
    if (address === undefined || !address.host.includes(':')) return broker;
    const name = `${address.host.replaceAll(':', '-')}.ipv6-literal`;
    hosts.set(name, address.host);
    return formatAddress({ host: name, port: address.port });
  });
  return { brokers: named, hostOf: (name) => hosts.get(name) ?? name };
};

export const openSocket = (
  host: string,
  port: number,
  security: tls.ConnectionOptions | undefined,
  onConnect: () => void,
): Socket => {
  const socket =
    security === undefined
      ? connect({ host, port }, onConnect)
      : // An IP address is no server name, but it is in the certificate's subject all the same.
        tls.connect({ host, port, ...(isIP(host) ? {} : { servername: host }), ...security }, onConnect);
  socket.setKeepAlive(true, 60_000);
  socket.setNoDelay(true);
  return socket;
};

/** Errors that no retry corrects: the record itself is wrong, or this client may not write it. */
const permanent =
  /MESSAGE_TOO_LARGE|RECORD_LIST_TOO_LARGE|INVALID_RECORD|INVALID_TOPIC|AUTHORIZATION|UNSUPPORTED/;

export const brokerFault = (action: string, error: unknown): PlatformError => {
  if (error instanceof PlatformError) return error;
  const { type = '', message } = error as { type?: string; message: string };
  const isPermanent = permanent.test(`${type} ${message}`);
  return new PlatformError(isPermanent ? 'broker_rejected' : 'broker_unavailable', `${action}: ${message}`, {
    retriable: !isPermanent,
    cause: error,
  });
};
