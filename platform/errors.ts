/**
 * The codes of all faults that the platform can throw. A fault means that something outside (an engine, a provider, a
 * record) did not behave as it should. It is neither a refusal (a business outcome, always a value) nor a broken
 * invariant (see `assert.ts`).
 */
const faultCodes = [
  'broker_unavailable',
  'broker_rejected',
  'registry_unavailable',
  'schema_unknown',
  'datum_malformed',
  'datum_meaningless',
  'clickhouse_unavailable',
  'clickhouse_rejected',
  'clickhouse_limit',
  'postgres_unavailable',
  'redis_unavailable',
  'dependency_unavailable',
  'dependency_timeout',
  'not_yet_known',
  'contradiction',
  'state_ahead_of_log',
  'configuration_invalid',
  'migration_conflict',
] as const;

export type FaultCode = (typeof faultCodes)[number];

/**
 * The error that the platform throws for a fault (HTTP answers other than success are a `Problem`). `retriable` says
 * whether the same call may succeed later without any change: consumers hold their partition on a retriable fault, and
 * send the record to the dead-letter topic on one that is not.
 */
export class PlatformError extends Error {
  readonly code: FaultCode;
  readonly retriable: boolean;

  constructor(code: FaultCode, message: string, options: { retriable: boolean; cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'PlatformError';
    this.code = code;
    this.retriable = options.retriable;
  }
}

/**
 * The fault of what contradicts our own record. A retry cannot help; an event that throws it goes to the dead-letter topic,
 * for a person to examine.
 */
export const contradiction = (message: string): PlatformError =>
  new PlatformError('contradiction', message, { retriable: false });

/** True for a fault that may pass by itself. Recognised by its fields, so it works across module copies. */
export const isRetriable = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && (error as { retriable?: unknown }).retriable === true;

/** The message of whatever was thrown. */
export const messageOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown);
