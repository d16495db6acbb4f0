import { z } from 'zod';
import { PlatformError } from '#platform/errors';

/** One setting: the environment variable it is read from, and what it must look like. */
export type Setting<S extends z.ZodType = z.ZodType> = readonly [variable: string, schema: S];

export type Settings = Record<string, Setting>;

type ConfigOf<F extends Settings> = { [K in keyof F]: z.output<F[K][1]> };

/** A schema over the whole environment that also lists its settings. */
export type EnvSchema<F extends Settings = Settings> = z.ZodType<ConfigOf<F>> & { readonly settings: F };

/**
 * Names the environment variables of a process. Unset and empty are the same; every problem is found, each
 * under its variable's name. Settings are plain values, so schemas are composed by spreading:
 * `envSchema({ ...engineSettings, port: ['MY_PORT', setting.port] })`.
 */
export const envSchema = <const F extends Settings>(settings: F): EnvSchema<F> => {
  const schema = z.record(z.string(), z.string().optional()).transform((env, context) => {
    const config: Record<string, unknown> = {};
    for (const [key, [variable, shape]] of Object.entries(settings)) {
      const parsed = shape.safeParse(env[variable] === '' ? undefined : env[variable]);
      if (parsed.success) config[key] = parsed.data;
      else
        for (const issue of parsed.error.issues)
          context.issues.push({
            code: 'custom',
            path: [variable],
            message: issue.message,
            input: env[variable],
          });
    }
    return config;
  });
  return Object.assign(schema as unknown as z.ZodType<ConfigOf<F>>, { settings });
};

const isHttpUrl = (text: string): boolean => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);

const integer = (min: number, max: number) =>
  z.coerce
    .number('must be a number')
    .int('must be a whole number')
    .min(min, `must be at least ${min}`)
    .max(max, `must be at most ${max}`);

const required = 'is required';

/** The kinds of settings there are. Each takes text from the environment; add `.default(…)` or `.optional()`. */
export const setting = {
  text: z.string(required),
  url: z.string(required).refine(isHttpUrl, 'must be an http(s) URL'),
  /** Comma-separated base URLs without their trailing slash. */
  urls: z
    .string(required)
    .transform((text) => text.split(',').map((url) => url.trim().replace(/\/+$/, '')))
    .refine((urls) => urls.length > 0 && urls.every(isHttpUrl), 'must be http(s) URLs, separated by commas'),
  /** Comma-separated, trimmed, none empty. */
  list: z
    .string(required)
    .transform((text) => text.split(',').map((item) => item.trim()))
    .refine((items) => items.every((item) => item.length > 0), 'must be a comma-separated list'),
  /** 0 lets the operating system choose. */
  port: z.preprocess((value) => value ?? Number.NaN, integer(0, 65_535)),
  integer,
  ratio: z.coerce.number('must be a number').min(0, 'must be at least 0').max(1, 'must be at most 1'),
  oneOf: <const C extends readonly [string, ...string[]]>(...choices: C) =>
    z.enum(choices, `must be ${choices.join(' or ')}`),
  flag: z
    .enum(['true', 'false', '1', '0'], 'must be true or false')
    .transform((text) => text === 'true' || text === '1'),
} as const;

/** Where the engines are. A process spreads those it uses into its own settings. */
export const engineSettings = {
  kafkaBrokers: ['KAFKA_BROKERS', setting.list],
  schemaRegistryUrl: ['SCHEMA_REGISTRY_URL', setting.url],
  clickhouseUrl: ['CLICKHOUSE_URL', setting.url],
  databaseUrl: ['DATABASE_URL', setting.text.regex(/^postgres(ql)?:\/\//, 'must be a postgres:// URL')],
  redisUrl: ['REDIS_URL', setting.text.regex(/^rediss?:\/\//, 'must be a redis:// URL')],
  zipkinUrl: ['ZIPKIN_URL', setting.url.optional()],
} as const satisfies Settings;

/**
 * Reads the configuration once, frozen. Throws `configuration_invalid` whose message lists every problem, a
 * line each, so that one run tells all there is to mend.
 */
export const loadConfig = <T>(schema: z.ZodType<T>, env: Record<string, string | undefined>): Readonly<T> => {
  // `process.env` is not a plain object, which zod insists on.
  const parsed = schema.safeParse({ ...env });
  if (parsed.success) return Object.freeze(parsed.data);
  const problems = parsed.error.issues.map(
    (issue) => `  ${issue.path.join('.') || '(all)'} ${issue.message}`,
  );
  throw new PlatformError('configuration_invalid', `configuration invalid:\n${problems.join('\n')}`, {
    retriable: false,
  });
};
