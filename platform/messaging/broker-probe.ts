import { parseAddress } from '#platform/address';
import type { KafkaSettings } from '#platform/messaging/kafka-settings';
import { openSocket, tlsOptions } from '#platform/messaging/kafkajs-connection';
import { within } from '#platform/waiting/deadline';

/**
 * ApiVersions is the one request that every broker answers to every client. Only an answer shows that a broker runs:
 * the operating system accepts connections also for a broker process that is stopped.
 *
 *     request = size api-key version correlation-id client-id   ; version 0, so that old brokers answer too
 */
const apiVersions = 18;
const correlationId = 0x63617274;
const clientId = Buffer.from('health');

const request = ((): Buffer => {
  const bytes = Buffer.alloc(14 + clientId.length);
  bytes.writeInt32BE(bytes.length - 4, 0);
  bytes.writeInt16BE(apiVersions, 4);
  bytes.writeInt32BE(correlationId, 8);
  bytes.writeInt16BE(clientId.length, 12);
  clientId.copy(bytes, 14);
  return bytes;
})();

/** True when the broker at `address` answers a request within `timeoutMs`. */
export const brokerAnswers = (
  address: string,
  { tls }: Pick<KafkaSettings, 'tls'>,
  timeoutMs: number,
): Promise<boolean> => {
  const { host, port } = parseAddress(address) ?? { host: address, port: 9092 };
  const security = tls === undefined ? undefined : tlsOptions(tls);
  const socket = openSocket(host, port, security, () => socket.write(request));
  const answered = new Promise<boolean>((resolve) => {
    let answer = Buffer.alloc(0);
    socket.on('data', (bytes: Buffer) => {
      answer = Buffer.concat([answer, bytes]);
      if (answer.length >= 8) resolve(answer.readInt32BE(4) === correlationId);
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
  return within(timeoutMs, answered)
    .catch(() => false)
    .finally(() => socket.destroy());
};
