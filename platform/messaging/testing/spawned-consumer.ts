import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { projectPath } from '#platform/project';

export type SpawnedConsumer = {
  child: ChildProcess;
  /** What it has handled so far: the values, each with how often its member was replaced until then. */
  handled: readonly { value: string; restarts: number }[];
};

/** A process of its own that consumes `topic` in `group`, for tests that stop or kill it. */
export const spawnConsumer = (group: string, topic: string): SpawnedConsumer => {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', '--conditions=source', projectPath('platform/messaging/testing/consumer-process.ts')],
    {
      env: { ...process.env, NODE_OPTIONS: '', GROUP: group, TOPIC: topic },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const handled: { value: string; restarts: number }[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => handled.push(JSON.parse(line)));
  return { child, handled };
};
