import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { queryObjects } from 'node:v8';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { eventually } from '#platform/testing/eventually';
import { groupMembers, isRunning } from './process-identity.js';
import { type ProcessSpec, type SupervisedProcess, superviseProcess } from './supervised-process.js';

let dir = '';
let running: SupervisedProcess | undefined;
const restarts: string[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cartstream-supervise-'));
  restarts.length = 0;
});
afterEach(async () => {
  await running?.stop(100);
  rmSync(dir, { recursive: true });
});

const supervise = (spec: Partial<ProcessSpec>): SupervisedProcess => {
  running = superviseProcess(
    { name: 'child', command: ['sleep', '60'], probe: async () => {}, ...spec },
    {
      logFile: (name) => join(dir, `${name}.log`),
      onChange: () => {},
      onRestart: (_, why) => restarts.push(why),
    },
  );
  return running;
};

it('what is killed is started again, as another process', async () => {
  const child = supervise({});
  await child.start();
  const first = child.identity!;
  process.kill(first.pid, 'SIGKILL');
  const second = await eventually(() => {
    const { identity } = child;
    return identity !== undefined && identity.pid !== first.pid && identity;
  });
  expect(isRunning(first)).toBe(false);
  expect(second && isRunning(second)).toBe(true);
  expect(restarts).toEqual(['killed by SIGKILL']);
});

it('what is too slow to start in its time has twice as long the next time', async () => {
  const pids = new Set<number>();
  let since = { pid: 0, atMs: 0 };
  const child = supervise({
    startMsMax: 200,
    probe: async () => {
      const { pid } = child.identity!;
      pids.add(pid);
      if (pid !== since.pid) since = { pid, atMs: performance.now() };
      if (performance.now() - since.atMs < 250) throw new Error('not yet');
    },
  });
  await child.start();
  expect(pids.size).toBe(2);
});

it('what hangs without dying is replaced', async () => {
  const socketPath = join(dir, 'socket');
  const program = "require('net').createServer((socket) => socket.end('here')).listen(process.argv[1])";
  const child = supervise({
    command: ['sh', '-c', `rm -f "$1"; exec "$0" -e "$2" "$1"`, process.execPath, socketPath, program],
    probe: () =>
      new Promise((resolve, reject) => connect(socketPath).once('data', resolve).once('error', reject)),
    probeEveryMs: 100,
  });
  await child.start();
  const first = child.identity!;
  process.kill(first.pid, 'SIGSTOP');
  const second = await eventually(
    () => ![undefined, first.pid].includes(child.identity?.pid) && child.identity,
  );
  expect(isRunning(first)).toBe(false);
  expect(second && isRunning(second)).toBe(true);
  expect(restarts[0]).toBe('no answer to 5 probes');
});

it('what runs for weeks is probed all the time, of which nothing is left', async () => {
  let probes = 0;
  const child = supervise({
    probe: async () => {
      probes += 1;
    },
    probeEveryMs: 1,
  });
  await child.start();
  // That its count is experimental.
  vi.spyOn(process, 'emitWarning').mockImplementationOnce(() => {});
  const promisesAfter = async (count: number): Promise<number> => {
    await eventually(() => probes >= count);
    return queryObjects(Promise, { format: 'count' });
  };
  const before = await promisesAfter(50);
  expect((await promisesAfter(probes + 500)) - before).toBeLessThan(250);
});

it('what waits for a core is given longer, because its successor would have to wait as well', {
  timeout: 90_000,
}, async () => {
  const busy = [process.execPath, '-e', 'for (const t = Date.now(); Date.now() - t < 80_000; );'] as const;
  // Each in a session of its own: Linux shares a core among sessions, so that one alone would leave the child half of it.
  const others = [1, 2, 3, 4].map(() =>
    spawn('taskset', ['-c', '0', ...busy], { stdio: 'ignore', detached: true }),
  );
  const onCoreMs = ({ pid }: (typeof others)[number]): number =>
    Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
  try {
    // Node.js has started and is in the loop: until then the core would be free.
    await eventually(() => others.every((other) => onCoreMs(other) > 300), { timeoutMs: 30_000 });
    let probes = 0;
    const child = supervise({
      command: ['taskset', '-c', '0', 'nice', '-n', '19', ...busy],
      probe: async () => {
        probes += 1;
        if (probes > 1) throw new Error('no answer');
      },
      // The kernel counts a wait when it ends: each stretch between two probes has to have such an end.
      probeEveryMs: 200,
    });
    await child.start();
    await eventually(() => restarts.length > 0, { timeoutMs: 60_000 });
    expect(probes).toBeGreaterThan(8);
    // Another probe may have begun since.
    expect([1, 2].map((since) => `no answer to ${probes - since} probes`)).toContain(restarts[0]);
  } finally {
    for (const other of others) other.kill('SIGKILL');
  }
});

it('what never comes up is reported with its last words', async () => {
  const child = supervise({
    command: ['sh', '-c', 'echo no room left; exit 3'],
    probe: async () => Promise.reject(new Error('closed')),
  });
  await expect(child.start()).rejects.toThrow(
    /child did not start \(exit 3\): no room left; see .*child\.log/,
  );
  expect(readFileSync(join(dir, 'child.log'), 'utf8')).toBe('no room left\n'.repeat(3));
});

it('stopping leaves nobody of the group, not even one who ignores the signal', async () => {
  const child = supervise({ command: ['sh', '-c', "trap '' TERM; sleep 60 & sleep 60"] });
  await child.start();
  const leader = child.identity!;
  await eventually(() => groupMembers(leader).length >= 3);
  await child.stop(200);
  expect(groupMembers(leader)).toEqual([]);
  expect(restarts).toEqual([]);
});
