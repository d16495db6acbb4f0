import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { eventually } from '#platform/testing/eventually';

/**
 * The platform under test starts while the unit tests run: `tests/global-setup.ts` marks its end in a file beside
 * `run.json`, and each worker of the other tests waits for that before its first file.
 */

const variable = 'CARTSTREAM_RUN_MARK';
const startMsMax = 300_000;

/** Also sets the variable by which the workers find the mark. */
export const markStart = (runFile: string, started: Promise<unknown>): void => {
  const mark = `${runFile}.started`;
  process.env[variable] = mark;
  started.then(
    () => writeFileSync(mark, ''),
    (error: unknown) => writeFileSync(mark, String(error)),
  );
};

/** Rejects with the reason why there is no platform. Resolves at once where the tests use one that ran before them. */
export const waitForStart = async (): Promise<void> => {
  const mark = process.env[variable];
  if (mark === undefined) return;
  await eventually(() => existsSync(mark), {
    timeoutMs: startMsMax,
    everyMs: 100,
    message: 'the platform under test to start',
  });
  const failure = readFileSync(mark, 'utf8');
  if (failure !== '') throw new Error(failure);
};
