import { accessSync, constants } from 'node:fs';
import { z } from 'zod';
import { parseAddress } from '#platform/address';
import { PlatformError } from '#platform/errors';

/** One setting: the environment variable it is read from, and what it must look like. */
export type Setting<S extends z.ZodType = z.ZodType> = readonly [variable: string, schema: S];

/** Settings that form one value together, and are refused where they contradict each other. */
export type SettingGroup<T = unknown> = {
  readonly settings: Record<string, Setting>;
  combine(values: Record<string, unknown>, refuse: (key: string, message: string) => void): T;
};

export type Settings = Record<string, Setting | SettingGroup>;

type ConfigOf<F extends Settings> = {
  [K in keyof F]: F[K] extends SettingGroup<infer T>
    ? T
    : F[K] extends Setting<infer S>
      ? z.output<S>
      : never;
};

/**
 * `combine` is called when each setting is valid by itself. It calls `refuse` with the key of a setting that
 * contradicts the others, and the reason.
 */
export const settingGroup = <const F extends Record<string, Setting>, T>(
  settings: F,
  combine: (values: ConfigOf<F>, refuse: (key: keyof F & string, message: string) => void) => T,
): SettingGroup<T> => ({ settings, combine: combine as SettingGroup<T>['combine'] });

/** A schema over the whole environment that also lists its settings. */
export type EnvSchema<F extends Settings = Settings> = z.ZodType<ConfigOf<F>> & { readonly settings: F };

/**
 * A schema of a process's environment variables. Unset and empty are the same. It reports every problem under its
 * variable's name. Settings are plain values, so schemas are composed by spreading:
 * `envSchema({ ...authSettings, port: ['MY_PORT', setting.port] })`.
 */
export const envSchema = <const F extends Settings>(settings: F): EnvSchema<F> => {
  const schema = z.record(z.string(), z.string().optional()).transform((env, context) => {
    const refuse = (variable: string, message: string): void => {
      context.issues.push({ code: 'custom', path: [variable], message, input: env[variable] });
    };
    const read = ([variable, shape]: Setting): unknown => {
      const parsed = shape.safeParse(env[variable] === '' ? undefined : env[variable]);
      if (parsed.success) return parsed.data;
      for (const issue of parsed.error.issues) refuse(variable, issue.message);
      return undefined;
    };
    const readGroup = (group: SettingGroup): unknown => {
      const problems = context.issues.length;
      const values = Object.fromEntries(
        Object.entries(group.settings).map(([key, part]) => [key, read(part)]),
      );
      if (context.issues.length > problems) return undefined;
      return group.combine(values, (key, message) => refuse(group.settings[key]?.[0] ?? key, message));
    };
    return Object.fromEntries(
      Object.entries(settings).map(([key, each]) => [key, 'combine' in each ? readGroup(each) : read(each)]),
    );
  });
  return Object.assign(schema as unknown as z.ZodType<ConfigOf<F>>, { settings });
};

/** The variables of a schema, those of its groups among them, in the order in which they are written. */
export const variablesOf = ({ settings }: EnvSchema): Setting[] =>
  Object.values(settings).flatMap((each) => ('combine' in each ? Object.values(each.settings) : [each]));

/** The environment variable of one process's own setting: `ORDER_PORT` for `order` and `PORT`. */
export const variableOf = (process: string, setting: string): string =>
  `${process.toUpperCase().replaceAll('-', '_')}_${setting}`;

const isHttpUrl = (text: string): boolean => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);

const isReadable = (file: string): boolean => {
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch {
    return false;
  }
};

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
  /** Comma-separated `host:port`, an IPv6 address in brackets; as `parseAddress` reads them. */
  addresses: z
    .string(required)
    .transform((text) => text.split(',').map((item) => item.trim()))
    .refine(
      (items) => items.every((item) => parseAddress(item) !== undefined),
      'must be host:port, separated by commas, an IPv6 address in brackets',
    ),
  /** The path of a file that can be read. */
  file: z.string(required).refine(isReadable, 'must be the path of a file that can be read'),
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

/**
 * Reads the configuration and freezes it. Throws `configuration_invalid` with a message that lists every problem in a
 * line of its own, so that one run shows everything to correct.
 */
export const loadConfig = <T>(schema: z.ZodType<T>, env: Record<string, string | undefined>): Readonly<T> => {
  // zod accepts only plain objects, and `process.env` is none.
  const parsed = schema.safeParse({ ...env });
  if (parsed.success) return Object.freeze(parsed.data);
  const problems = parsed.error.issues.map(
    (issue) => `  ${issue.path.join('.') || '(all)'} ${issue.message}`,
  );
  throw new PlatformError('configuration_invalid', `configuration invalid:\n${problems.join('\n')}`, {
    retriable: false,
  });
};
