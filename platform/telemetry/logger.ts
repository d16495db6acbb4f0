import { isSpanContextValid, trace } from '@opentelemetry/api';
import { type DestinationStream, type Logger as PinoLogger, pino, stdTimeFunctions } from 'pino';
import { currentCorrelation } from '#platform/telemetry/correlation';
import { withoutSecrets } from '#platform/telemetry/log-secrets';

export type Logger = PinoLogger;

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** Of lines that cannot be written now, no more are kept for later. */
const unwrittenBytesMax = 2 * 1024 * 1024;

/** On a full disk a service goes on without its log: it is not there to write, and its engines may be on other disks. */
const standardOutput = (): DestinationStream => {
  const destination = pino.destination({ dest: 1, sync: true, maxLength: unwrittenBytesMax });
  destination.on('error', () => {});
  // No more than this: pino flushes what can be flushed after a fatal line, which waits for ever for room on the disk.
  return { write: (line) => void destination.write(line) };
};

/**
 * One JSON object a line on stdout: `level`, `time` (RFC 3339), `service`, `msg`, and inside a request or a
 * reaction also `correlationId` and `traceId`. Written synchronously, so the last lines of a dying process are not
 * lost. Fields named like a secret are blanked at the top and two levels down.
 */
export const createLogger = (
  service: string,
  options: { level?: (typeof logLevels)[number]; destination?: DestinationStream } = {},
): Logger => {
  const settings = {
    level: options.level ?? 'info',
    base: { service },
    timestamp: stdTimeFunctions.isoTime,
    formatters: {
      level: (label: string) => ({ level: label }),
      log: withoutSecrets,
    },
    mixin: () => {
      const correlationId = currentCorrelation()?.correlationId;
      const span = trace.getActiveSpan()?.spanContext();
      return {
        ...(correlationId === undefined ? {} : { correlationId }),
        ...(span !== undefined && isSpanContextValid(span) ? { traceId: span.traceId } : {}),
      };
    },
    // A correlation id that the caller passes takes precedence over the current context's.
    mixinMergeStrategy: (merged: object, mixin: object) => ({ ...mixin, ...merged }),
  };
  const logger = pino(settings, options.destination ?? standardOutput());
  const { child } = logger;
  // Children inherit this method; pino applies no formatter to what they are bound to.
  logger.child = function (this: typeof logger, bindings, childOptions) {
    return child.call(this, withoutSecrets(bindings), childOptions);
  } as typeof child;
  return logger;
};
