import type { ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '#platform/errors';
import { createBackoff } from './backoff.js';
import { startPatientClock } from './core-wait.js';
import { spawnGuarded } from './guarded-child.js';
import { lastWords, openForAppend, rotateWhenLarge } from './log-file.js';
import { groupMembers, identify, type ProcessIdentity, signalGroup } from './process-identity.js';

export type ProcessSpec = {
  /** Unique; also the name of its log. */
  name: string;
  command: readonly [string, ...string[]];
  env?: Readonly<Record<string, string>>;
  /** The working directory; the launcher's if unset. */
  cwd?: string;
  /** Where it can be reached, for `run.json`. */
  url?: string;
  /** Its services, if it hosts several. */
  hosts?: ReadonlyArray<{ name: string; url: string }>;
  /** Resolves when the process does its work; a rejection or `probeEveryMs` of silence counts as a failure. */
  probe(): Promise<unknown>;
  /**
   * The interval of probes after one that failed, and the longest time for an answer; one that succeeded is followed after
   * twice that. The process is replaced after five failed probes in a row, or more if it waited for a core meanwhile:
   * another one would have to wait as well.
   */
  probeEveryMs?: number;
  /** The signal for a normal stop. */
  stopSignal?: NodeJS.Signals;
  /**
   * The longest time to start before it counts as failed, 60 s if unset; time without a core counts an eighth. It
   * doubles after each start that took longer, to eight times as long at most: on a machine that is slow enough every
   * start would end just before its time.
   */
  startMsMax?: number;
};

export type SupervisedProcess = {
  readonly spec: ProcessSpec;
  readonly identity: ProcessIdentity | undefined;
  /** Starts the process and waits until it answers its probe. Throws when all of its first attempts fail. */
  start(): Promise<void>;
  /**
   * The same for a process that the start does not wait for: retries until it is up or stopped, and reports every
   * failure. It has ten minutes for each try, because such a process often has a low priority on a busy machine.
   */
  startPatiently(): Promise<void>;
  /** Stops the process, by force if necessary. When it resolves, no process of its group is left. */
  stop(graceMs: number): Promise<void>;
};

export type Watch = {
  logFile(name: string): string;
  /** Called with the current identities whenever a process starts or ends. */
  onChange(): void;
  onRestart(name: string, why: string, waitMs: number): void;
};

const defaultProbeEveryMs = 3_000;
const probeWhileStartingMs = 100;
const probeFailuresMax = 5;
/** Intervals that lie between the first and the last of these failures at least: four, and timers may be early. */
const intervalsOfSilence = probeFailuresMax - 2;
const logBytesMax = 16 * 1024 * 1024;
const firstAttemptsMax = 3;
const defaultStartMsMax = 60_000;
const patientStartMsMax = 600_000;
const doublingsMax = 3;

// Over seventy lines: the life of one process, whose start, probes, restarts and end share one state.
export const superviseProcess = (spec: ProcessSpec, watch: Watch): SupervisedProcess => {
  const logFile = watch.logFile(spec.name);
  const { stopSignal = 'SIGTERM', probeEveryMs = defaultProbeEveryMs } = spec;
  const backoff = createBackoff({ firstMs: 200, mostMs: 10_000, stableMs: 30_000 });
  let child: ChildProcess | undefined;
  let identity: ProcessIdentity | undefined;
  let exited: Promise<string> = Promise.resolve('not started');
  /** Aborted when the process has ended. */
  let ended = new AbortController();
  let startedAtMs = 0;
  /** Starts in a row that took too long. */
  let slowStarts = 0;
  let startMsMax = spec.startMsMax ?? defaultStartMsMax;
  let stopping = false;
  const wakeEarly = new AbortController();

  const spawnChild = (): void => {
    rotateWhenLarge(logFile, logBytesMax);
    const log = openForAppend(logFile);
    let spawned: ChildProcess;
    try {
      spawned = spawnGuarded({
        command: spec.command,
        env: { ...process.env, ...spec.env },
        cwd: spec.cwd,
        stdout: log,
        stopSignal,
      });
    } finally {
      closeSync(log);
    }
    child = spawned;
    const end = new AbortController();
    ended = end;
    exited = new Promise((resolve) => {
      spawned.once('error', (error) => resolve(error.message));
      spawned.once('exit', (code, signal) => resolve(signal ? `killed by ${signal}` : `exit ${code}`));
    }).then((how) => {
      // Kills the rest of its group, including the guard.
      if (spawned.pid !== undefined) signalGroup(spawned.pid, 'SIGKILL');
      child = undefined;
      identity = undefined;
      end.abort();
      watch.onChange();
      return how as string;
    });
    identity = spawned.pid === undefined ? undefined : identify(spawned.pid);
    watch.onChange();
  };

  /** Ends early when the process is to stop. */
  const wait = (ms: number): Promise<void> =>
    sleep(ms, undefined, { signal: wakeEarly.signal }).catch(() => {});

  const probeOnce = async (): Promise<boolean> => {
    const timeout = sleep(probeEveryMs, false, { ref: false });
    const probed = spec.probe().then(
      () => true,
      () => false,
    );
    return Promise.race([probed, timeout]);
  };

  /** Resolves to undefined once the probe succeeds, else to the reason why it cannot succeed any more. */
  const comeUp = async (): Promise<string | undefined> => {
    const timeoutMs = startMsMax * 2 ** Math.min(slowStarts, doublingsMax);
    const elapsedMs = startPatientClock(identity?.pid, probeEveryMs);
    let death: string | undefined;
    void exited.then((how) => {
      death = how;
    });
    while (elapsedMs() < timeoutMs) {
      if (stopping) return 'stopped';
      if (await probeOnce()) {
        slowStarts = 0;
        return undefined;
      }
      if (death !== undefined) return death;
      await wait(probeWhileStartingMs);
    }
    slowStarts += 1;
    return `no answer within ${timeoutMs / 1000} s`;
  };

  const killNow = async (): Promise<void> => {
    if (child?.pid !== undefined) signalGroup(child.pid, 'SIGKILL');
    await exited;
  };

  /** Runs until the process is to stop: restarts it whenever it ends or does not answer. */
  const keepUp = async (): Promise<void> => {
    while (!stopping) await startAgain(await deathOrSilence());
  };

  const startAgain = async (why: string): Promise<void> => {
    for (let reason: string | undefined = why; reason !== undefined && !stopping; ) {
      const waitMs = backoff.afterDeath(Date.now() - startedAtMs);
      watch.onRestart(spec.name, reason, waitMs);
      await wait(waitMs);
      if (stopping) return;
      reason = await attempt();
    }
  };

  const attempt = async (): Promise<string | undefined> => {
    if (stopping) return 'stopped';
    startedAtMs = Date.now();
    try {
      spawnChild();
    } catch (error) {
      // Neither its log nor another process can be had now: later perhaps.
      return messageOf(error);
    }
    const reason = await comeUp();
    // A process that is stopped while it starts receives the signal for a normal stop first, like any other.
    if (reason !== undefined && !stopping) await killNow();
    return reason;
  };

  /** How it ended, if it does in that time. A race with `exited` would leave a listener there each time, for weeks. */
  const endWithin = async (ms: number): Promise<string | undefined> => {
    await sleep(ms, undefined, { ref: false, signal: ended.signal }).catch(() => {});
    return ended.signal.aborted ? exited : undefined;
  };

  const deathOrSilence = async (): Promise<string> => {
    let failures = 0;
    let silenceMs = () => 0;
    while (true) {
      const restMs = failures === 0 ? 2 * probeEveryMs : probeEveryMs;
      const how = await endWithin(restMs);
      if (how !== undefined || stopping) return how ?? 'stopped';
      rotateWhenLarge(logFile, logBytesMax);
      failures = (await probeOnce()) ? 0 : failures + 1;
      if (failures === 1) silenceMs = startPatientClock(identity?.pid, probeEveryMs);
      if (failures >= probeFailuresMax && silenceMs() >= intervalsOfSilence * probeEveryMs) {
        await killNow();
        return `no answer to ${failures} probes`;
      }
    }
  };

  return {
    spec,
    get identity() {
      return identity;
    },
    async start() {
      let reason = await attempt();
      for (let again = 1; again < firstAttemptsMax && reason !== undefined && !stopping; again++) {
        await wait(backoff.afterDeath(0));
        reason = await attempt();
      }
      if (reason !== undefined) throw new StartFailure(spec.name, reason, logFile);
      void keepUp();
    },
    async startPatiently() {
      startMsMax = Math.max(startMsMax, patientStartMsMax);
      const reason = await attempt();
      if (reason !== undefined) await startAgain(reason);
      if (!stopping) void keepUp();
    },
    async stop(graceMs) {
      stopping = true;
      wakeEarly.abort();
      const running = child;
      if (running?.pid === undefined) return;
      const leader = identity ?? { pid: running.pid, startTicks: 0 };
      // Only the leader receives the signal, because it stops its own children (PostgreSQL's backends) itself.
      running.kill(stopSignal);
      const stopped = await Promise.race([exited.then(() => true), sleep(graceMs, false)]);
      if (!stopped) await killNow();
      for (let left = groupMembers(leader); left.length > 0; left = groupMembers(leader)) {
        signalGroup(leader.pid, 'SIGKILL');
        await sleep(20);
      }
    },
  };
};

export class StartFailure extends Error {
  constructor(name: string, reason: string, logFile: string) {
    const words = lastWords(logFile);
    super(`${name} did not start (${reason})${words && `: ${words}`}; see ${logFile}`);
    this.name = 'StartFailure';
  }
}
