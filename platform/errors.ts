/**
 * Every fault the platform can throw. A fault is neither a refusal (a business outcome, always a value) nor a
 * broken invariant (see `assert.ts`): it is the outside world not answering as it should.
 */
export const faultCodes = [
  'broker_unavailable',
  'broker_rejected',
  'registry_unavailable',
  'schema_unknown',
  'datum_malformed',
  'datum_meaningless',
  'clickhouse_unavailable',
  'clickhouse_rejected',
  'postgres_unavailable',
  'redis_unavailable',
  'dependency_unavailable',
  'dependency_timeout',
  'not_yet_known',
  'contradiction',
  'configuration_invalid',
  'migration_conflict',
] as const;

export type FaultCode = (typeof faultCodes)[number];

/**
 * What the platform throws when the outside world fails it; what HTTP refuses is a `Problem`. `retriable` says whether
 * the same call may succeed later without anybody changing anything: consumers hold their partition on a retriable
 * fault and dead-letter the record on one that is not.
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

/** True for a fault that may pass by itself; recognised by shape, so it works across module copies. */
export const isRetriable = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && (error as { retriable?: unknown }).retriable === true;
