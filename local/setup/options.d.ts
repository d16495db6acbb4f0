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

/** Reads the command line over the environment over the defaults. Throws `UsageError` with one line. */
export function parseOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Options;
