export type Options = {
  port: number;
  dataDir: string;
  fresh: boolean;
  traffic: boolean;
  catalogSize: number;
  separate: boolean;
  instances: Readonly<Record<string, number>>;
  limits: 'relaxed' | 'strict';
  enginesOnly: boolean;
  help: boolean;
};

export class UsageError extends Error {}

export const usage: string;

/** The whole path of the data folder `dataDir` of the options; relative ones are where npm was called, the default is in `root`. */
export function dataFolderIn(
  root: string,
  dataDir: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): string;

/** Reads the command line over the environment over the defaults. Throws `UsageError` with one line. */
export function parseOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Options;
