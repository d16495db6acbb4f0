import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { createKafkajsBroker } from '#platform/messaging/kafkajs-broker';
import { openConnection } from '#platform/messaging/kafkajs-connection';
import { projectPath } from '#platform/project';
import { createLogger } from '#platform/telemetry/logger';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';

const who = { clientId: 'stalls', logger: createLogger('stalls', { level: 'silent' }) };

test('a process that was stopped for longer than its session joins again at once, as the member it was', async () => {
  const broker = createKafkajsBroker({ ...engines().kafka, ...who });
  const admin = await broker.admin();
  const producer = await broker.producer();
  const { kafka } = openConnection({ ...engines().kafka, ...who }, {});
  const groups = kafka.admin();
  await groups.connect();
  const topic = `stalled-${randomUUID()}`;
  const group = `stalled.${randomUUID()}`;
  await admin.createTopics([{ topic, partitions: 2 }]);
  const send = (from: number) =>
    producer.send(
      Array.from({ length: 10 }, (_, at) => ({
        topic,
        key: null,
        partition: at % 2,
        value: Buffer.from(`${from + at}`),
      })),
    );

  const child = spawn(
    process.execPath,
    ['--import', 'tsx', '--conditions=source', projectPath('platform/messaging/testing/consumer-process.ts')],
    {
      env: { ...process.env, NODE_OPTIONS: '', GROUP: group, TOPIC: topic },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const said: { handled: string; restarts: number }[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => said.push(JSON.parse(line)));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await producer.close();
    await groups.disconnect();
    await admin.deleteTopics([topic]);
    await admin.close();
  });

  await send(0);
  await eventually(() => said.length === 10, { timeoutMs: 20_000 });
  child.kill('SIGSTOP');
  const members = async () => (await groups.describeGroups([group])).groups[0]?.members.length;
  await eventually(async () => (await members()) === 0, { timeoutMs: 25_000, message: 'its session to end' });
  await send(10);
  child.kill('SIGCONT');
  await eventually(() => said.length === 20, {
    timeoutMs: 10_000,
    message: () => `${said.length} of 20 handled`,
  });
  expect(new Set(said.map(({ handled }) => handled)).size).toBe(20);
  expect(said.every(({ restarts }) => restarts === 0)).toBe(true);
}, 90_000);
