import { expect, test } from 'vitest';
import { loadConfig } from '#platform/config';
import { provisionConfig } from './provision-config.js';
import { topicSpecs } from './topic-specs.js';

const engines = {
  KAFKA_BROKERS: 'kafka:9092',
  SCHEMA_REGISTRY_URL: 'http://registry',
  CLICKHOUSE_URL: 'http://clickhouse',
};
const specsBy = (env: Record<string, string>) =>
  topicSpecs(loadConfig(provisionConfig, { ...engines, ...env }).replication);

test('every topic and its dead letters are kept as often as the settings say', () => {
  const specs = specsBy({ KAFKA_REPLICATION_FACTOR: '3', KAFKA_MIN_INSYNC_REPLICAS: '2' });
  expect(specs.map(({ topic }) => topic)).toEqual(
    expect.arrayContaining(['orders', 'orders.dead-letter', 'sales', 'sales.dead-letter']),
  );
  for (const { replicas, config } of specs) {
    expect(replicas).toBe(3);
    expect(config).toMatchObject({ 'min.insync.replicas': '2' });
  }
});

test('without settings the cluster decides', () => {
  for (const { replicas, config } of specsBy({})) {
    expect(replicas).toBeUndefined();
    expect(config).not.toHaveProperty(['min.insync.replicas']);
  }
});

test('more copies required than kept is refused in a line', () => {
  expect(() => specsBy({ KAFKA_REPLICATION_FACTOR: '2', KAFKA_MIN_INSYNC_REPLICAS: '3' })).toThrow(
    /^configuration invalid:\n {2}KAFKA_MIN_INSYNC_REPLICAS must not be more than KAFKA_REPLICATION_FACTOR$/,
  );
});

test('a topic that is kept for a time is cut into segments that go in time', () => {
  const specs = specsBy({});
  const instructions = specs.filter(({ topic }) => topic.startsWith('payment-instructions'));
  expect(instructions.map(({ topic }) => topic)).toEqual([
    'payment-instructions',
    'payment-instructions.dead-letter',
  ]);
  for (const { config } of instructions)
    expect(config).toMatchObject({ 'retention.ms': '86400000', 'segment.ms': '3600000' });
  expect(specs.find(({ topic }) => topic === 'orders')?.config).not.toHaveProperty('segment.ms');
});
