import { isSpanContextValid, trace } from '@opentelemetry/api';
import { type DestinationStream, type Logger as PinoLogger, pino, stdTimeFunctions } from 'pino';
import { currentCorrelation } from '#platform/telemetry/correlation';
import { withoutSecrets } from '#platform/telemetry/log-secrets';

export type Logger = PinoLogger;

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

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
  const logger = pino(settings, options.destination ?? pino.destination({ dest: 1, sync: true }));
  const { child } = logger;
  // Children inherit this method; pino applies no formatter to what they are bound to.
  logger.child = function (this: typeof logger, bindings, childOptions) {
    return child.call(this, withoutSecrets(bindings), childOptions);
  } as typeof child;
  return logger;
};
