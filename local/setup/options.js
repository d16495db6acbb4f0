import { resolve } from 'node:path';

/** The options of `npm start`: each has a flag and an environment variable, and the flag wins. */

export class UsageError extends Error {}

export const usage = `usage: npm start -- [--port N] [--data DIR] [--fresh] [--no-traffic] [--catalog N]
                   [--separate] [--instances service=N] [--limits relaxed|strict] [--engines-only]`;

const wholeNumber = (min, max) => (text, name) => {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max) {
    throw new UsageError(`${name} takes a whole number from ${min} to ${max}, not "${text}"`);
  }
  return value;
};

const oneOf =
  (...choices) =>
  (text, name) => {
    if (!choices.includes(text)) throw new UsageError(`${name} is ${choices.join(' or ')}, not "${text}"`);
    return text;
  };

/** Characters with a special meaning to some engine: wildcards, quotes, and those that end a path in a URL. */
const refusedInPaths = /[\p{Cc}"'\\`?*#%&;{}[\]]/u;

const folder = (value, name) => {
  const refused = refusedInPaths.exec(value)?.[0];
  if (refused === undefined) return value;
  throw new UsageError(
    `${name} takes a folder without any of \\ " ' \` ? * # % & ; { } [ ] and without control characters, not ${JSON.stringify(value)}`,
  );
};

const truth = (value, name) => {
  if (['1', 'true', 'yes'].includes(value)) return true;
  if (['0', 'false', 'no'].includes(value)) return false;
  throw new UsageError(`${name} is true or false, not "${value}"`);
};

const instances = (value, name) => {
  const counts = {};
  for (const part of value.split(',')) {
    const match = /^([a-z][a-z-]*)=(\d{1,2})$/.exec(part);
    if (!match || Number(match[2]) < 1) throw new UsageError(`${name} takes service=N, not "${part}"`);
    counts[match[1]] = Number(match[2]);
  }
  return counts;
};

// flag → [key, environment variable, reader, value of a flag that stands alone]
const table = {
  '--port': ['port', 'PORT', wholeNumber(0, 65_535)],
  '--data': ['dataDir', 'CARTSTREAM_DATA', folder],
  '--fresh': ['fresh', 'CARTSTREAM_FRESH', truth, true],
  '--no-traffic': ['traffic', 'CARTSTREAM_TRAFFIC', truth, false],
  '--catalog': ['catalogSize', 'CARTSTREAM_CATALOG', wholeNumber(1, 1_000_000)],
  '--separate': ['separate', 'CARTSTREAM_SEPARATE', truth, true],
  '--instances': ['instances', 'CARTSTREAM_INSTANCES', instances],
  '--limits': ['limits', 'LIMITS', oneOf('relaxed', 'strict')],
  '--engines-only': ['enginesOnly', 'CARTSTREAM_ENGINES_ONLY', truth, true],
  '--help': ['help', 'CARTSTREAM_HELP', truth, true],
};

const defaults = {
  port: 8000,
  dataDir: '.local',
  fresh: false,
  traffic: true,
  catalogSize: 1000,
  separate: false,
  instances: {},
  limits: 'relaxed',
  enginesOnly: false,
  help: false,
};

/** A folder that was named is where npm was called (`INIT_CWD`); without one it is the checkout's, wherever that was. */
export function dataFolderIn(root, dataDir = defaults.dataDir, env = {}) {
  return resolve(dataDir === defaults.dataDir ? root : (env.INIT_CWD ?? root), dataDir);
}

export function parseOptions(args, env) {
  const options = { ...defaults };
  for (const [key, variable, read] of Object.values(table)) {
    const value = env[variable];
    if (value !== undefined && value !== '') options[key] = read(value, variable);
  }
  for (let at = 0; at < args.length; at++) {
    const [flag, inlineValue] = splitOnce(args[at]);
    const entry = table[flag];
    if (!entry) throw new UsageError(`unknown option "${args[at]}"`);
    const [key, , read, alone] = entry;
    if (alone !== undefined) {
      if (inlineValue !== undefined) throw new UsageError(`${flag} takes no value`);
      options[key] = alone;
      continue;
    }
    const value = inlineValue ?? args[++at];
    if (value === undefined || value === '') throw new UsageError(`${flag} needs a value`);
    const parsed = read(value, flag);
    options[key] = key === 'instances' ? { ...options.instances, ...parsed } : parsed;
  }
  if (Object.keys(options.instances).length > 0 && !options.separate) {
    throw new UsageError('--instances goes with --separate');
  }
  return options;
}

function splitOnce(argument) {
  const equals = argument.indexOf('=');
  return argument.startsWith('--') && equals > 0
    ? [argument.slice(0, equals), argument.slice(equals + 1)]
    : [argument, undefined];
}
