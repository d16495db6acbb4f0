import { envSchema, setting } from '#platform/config';
import { serviceSettings } from '#platform/service';
import { liveSettings } from '../settings.js';

const variables = [...new Set(liveSettings.flatMap(({ environment }) => environment?.variable ?? []))];

/** The variables that replace defaults of live settings, so that the defaults shown are those in effect. */
const replacements = Object.fromEntries(
  variables.map((variable) => [variable, [variable, setting.text.optional()] as const]),
);

export const configConfig = envSchema({
  ...serviceSettings('config', { databasePoolMax: 3 }),
  ...replacements,
});

export type ConfigConfig = Readonly<ReturnType<typeof configConfig.parse>>;

/** The default of each live setting, by its key. */
export const defaultsIn = (config: Readonly<Record<string, unknown>>): ReadonlyMap<string, unknown> =>
  new Map(
    liveSettings.map(({ key, environment, default: declared }) => [
      key,
      environment === undefined
        ? declared
        : environment.read(config[environment.variable] as string | undefined),
    ]),
  );
