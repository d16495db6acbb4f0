/**
 * `npm run -s recommend:batch -- --events E.ndjson --queries Q.ndjson --out P.ndjson [--products P.ndjson]`: replays
 * activity through the code of the stream job and answers each query with the code of the endpoint.
 */
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type ReplayFiles, replay } from './recommend-batch/replay.js';

const usage =
  'usage: npm run -s recommend:batch -- --events E.ndjson --queries Q.ndjson --out P.ndjson [--products P.ndjson]';

const fail = (message: string): never => {
  console.error(`recommend:batch: ${message}\n${usage}`);
  process.exit(2);
};

const text = { type: 'string' } as const;

const readArguments = (): ReplayFiles => {
  try {
    const { values } = parseArgs({ options: { events: text, queries: text, out: text, products: text } });
    const { events, queries, out, products } = values;
    if (!events || !queries || !out) return fail('--events, --queries and --out are required');
    for (const file of [events, queries, ...(products ? [products] : [])])
      if (!existsSync(file)) fail(`there is no file ${file}`);
    return { events, queries, out, products };
  } catch (error) {
    return fail((error as Error).message);
  }
};

const files = readArguments();
try {
  const { learned, answered } = await replay(files, (problem) => console.error(problem));
  console.error(`recommend:batch: ${learned} events learned, ${answered} queries answered`);
} catch (error) {
  console.error(`recommend:batch: ${(error as Error).message}`);
  process.exit(1);
}
