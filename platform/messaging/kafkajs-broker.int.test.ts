import { brokerContract } from '#platform/messaging/broker.contract';
import { createKafkajsBroker } from '#platform/messaging/kafkajs-broker';
import { createLogger } from '#platform/telemetry/logger';
import { engines } from '#platform/testing/engines';

const logger = createLogger('test', { level: 'error' });
const open = async (brokers: string[]) => createKafkajsBroker({ brokers, clientId: 'contract', logger });

brokerContract('kafkajs', {
  open: () => open(engines().kafkaBrokers),
  openNowhere: () => open(['127.0.0.1:1']),
  kafkaBrokers: () => engines().kafkaBrokers,
});
