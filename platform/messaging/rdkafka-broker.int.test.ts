import { describe } from 'vitest';
import { brokerContract } from '#platform/messaging/broker.contract';
import { createRdkafkaBroker } from '#platform/messaging/rdkafka-broker';
import { buildRdkafka, loadRdkafka, type RdkafkaModule } from '#platform/messaging/rdkafka-build';
import { createLogger } from '#platform/telemetry/logger';
import { engines } from '#platform/testing/engines';

const logger = createLogger('test', { level: 'error' });

const available = async (): Promise<RdkafkaModule | string> => {
  try {
    await buildRdkafka((line) => process.stderr.write(`${line}\n`));
    return loadRdkafka() ?? 'node-rdkafka was built but is not there';
  } catch (error) {
    return (error as Error).message;
  }
};

const rdkafka = await available();

if (typeof rdkafka === 'string') {
  process.stderr.write(`node-rdkafka cannot be built here, its contract is not checked: ${rdkafka}\n`);
  describe.skip('rdkafka keeps the broker contract (node-rdkafka cannot be built here)', () => {});
} else {
  const open = async (brokers: string[]) =>
    createRdkafkaBroker(rdkafka, { brokers, clientId: 'contract', logger });
  brokerContract('rdkafka', {
    open: () => open(engines().kafkaBrokers),
    openNowhere: () => open(['127.0.0.1:1']),
    kafkaBrokers: () => engines().kafkaBrokers,
  });
}
