import { parseArgs } from 'node:util';

/**
 * The numbers that stand on the command line as `--<name> <number>`, else their defaults; NaN for a text that is no
 * number. Throws for an option that is not among them.
 */
export const numberOptions = <N extends string>(defaults: Readonly<Record<N, number>>): Record<N, number> => {
  const names = Object.keys(defaults) as N[];
  const { values } = parseArgs({
    options: Object.fromEntries(names.map((name) => [name, { type: 'string' as const }])),
  });
  return Object.fromEntries(names.map((name) => [name, Number(values[name] ?? defaults[name])])) as Record<
    N,
    number
  >;
};
