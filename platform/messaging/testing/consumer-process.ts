/** A process that consumes: `GROUP` and `TOPIC` of the engines under test. Prints one JSON line for each thing that happens. */
import { createKafkajsBroker } from '#platform/messaging/kafkajs-broker';
import { createLogger } from '#platform/telemetry/logger';
import { engines } from '#platform/testing/engines';

const { GROUP = '', TOPIC = '' } = process.env;
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

const broker = createKafkajsBroker({
  ...engines().kafka,
  clientId: 'stalled',
  logger: createLogger('stalled', { level: 'silent' }),
});
const consumer = broker.consumer({ group: GROUP, topics: [TOPIC] });
process.once('SIGTERM', () => void consumer.close().then(() => process.exit(0)));
await consumer.run(async (batch, control) => {
  await control.commit((batch.records.at(-1)?.offset ?? -1n) + 1n);
  const { restarts } = consumer.progress();
  for (const { value } of batch.records) say({ value: String(value), restarts });
});
