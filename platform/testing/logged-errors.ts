import { createLogger, type Logger } from '#platform/telemetry/logger';

export type LoggedError = { msg: string; err?: { message: string } };

const untaken: LoggedError[] = [];

/** A logger that prints nothing and keeps its errors, until `takeLoggedErrors` returns them. */
export const testLogger = (service: string, level: 'error' | 'fatal' = 'error'): Logger =>
  createLogger(service, { level, destination: { write: (line) => void untaken.push(JSON.parse(line)) } });

/**
 * The errors logged since the last call, oldest first. `tests/unexpected-errors.ts` fails a test that leaves errors
 * behind, so a test that causes errors takes them and asserts which they are.
 */
export const takeLoggedErrors = (): LoggedError[] => untaken.splice(0);
