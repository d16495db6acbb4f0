import { connect, type Socket } from 'node:net';
import kafkajs, { type Kafka, type KafkaConfig } from 'kafkajs';
import { PlatformError } from '#platform/errors';
import type { BrokerOptions } from '#platform/messaging/broker-options';
import { registerCodecs } from '#platform/messaging/kafkajs-codecs';

/** One kafkajs client and the means to end it. */
export type KafkajsConnection = {
  kafka: Kafka;
  /**
   * Cuts every socket, now and later. kafkajs goes on retrying a send after its producer was disconnected, and
   * reconnects to do so: what was given up must not be written after what follows it.
   */
  sever(): void;
};

registerCodecs();

/**
 * A client of its own for every producer, consumer and admin: kafkajs keeps committed offsets by client and
 * group, so two members of a group must not share one. Its log lines (ordinary rebalances are errors there) go
 * to debug; what matters is thrown, and told by who catches it.
 */
export const openConnection = (options: BrokerOptions, retry: KafkaConfig['retry']): KafkajsConnection => {
  const sockets = new Set<Socket>();
  let severed = false;
  const kafka = new kafkajs.Kafka({
    clientId: options.clientId,
    brokers: [...options.brokers],
    connectionTimeout: 3_000,
    requestTimeout: 10_000,
    retry: { factor: 0.2, multiplier: 2, ...retry },
    logLevel: kafkajs.logLevel.INFO,
    logCreator:
      () =>
      ({ namespace, log: { message, timestamp: _, logger: __, ...extra } }) =>
        options.logger.debug({ kafkajs: namespace, ...extra }, message),
    socketFactory: ({ host, port, onConnect }) => {
      const socket = connect({ host, port }, onConnect);
      socket.setKeepAlive(true, 60_000);
      socket.setNoDelay(true);
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

/** What no retry mends: the record itself, or our right to write it. */
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
