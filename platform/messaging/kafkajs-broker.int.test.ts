import { brokerContract } from '#platform/messaging/broker.contract';
import { createKafkajsBroker } from '#platform/messaging/kafkajs-broker';
import { createLogger } from '#platform/telemetry/logger';
import { engines } from '#platform/testing/engines';

const who = { clientId: 'contract', logger: createLogger('test', { level: 'error' }) };

brokerContract('kafkajs', {
  open: async () => createKafkajsBroker({ ...engines().kafka, ...who }),
  openNowhere: async () => createKafkajsBroker({ brokers: ['127.0.0.1:1'], ...who }),
});
