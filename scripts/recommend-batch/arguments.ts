import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { ReplayFiles } from './replay.js';

const text = { type: 'string' } as const;

/**
 * The files that the arguments name, from the folder in which npm was called: a script of npm runs in the folder of its
 * package. Throws for arguments that cannot be read, and for files that are not there.
 */
export const filesIn = (
  args: readonly string[],
  env: Readonly<{ INIT_CWD?: string | undefined }>,
): ReplayFiles => {
  const { values } = parseArgs({
    args: [...args],
    options: { events: text, queries: text, out: text, products: text },
  });
  const { events, queries, out, products } = values;
  if (!events || !queries || !out) throw new Error('--events, --queries and --out are required');
  const at = (file: string): string => resolve(env.INIT_CWD ?? '.', file);
  for (const file of [events, queries, ...(products ? [products] : [])])
    if (!existsSync(at(file))) throw new Error(`there is no file ${file}`);
  return {
    events: at(events),
    queries: at(queries),
    out: at(out),
    products: products ? at(products) : undefined,
  };
};
