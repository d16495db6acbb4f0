/**
 * `npm run -s recommend:batch -- --events E.ndjson --queries Q.ndjson --out P.ndjson [--products P.ndjson]`: replays
 * activity through the code of the stream job and answers each query with the code of the endpoint.
 */
import { filesIn } from './recommend-batch/arguments.js';
import { type ReplayFiles, replay } from './recommend-batch/replay.js';

const usage =
  'usage: npm run -s recommend:batch -- --events E.ndjson --queries Q.ndjson --out P.ndjson [--products P.ndjson]';

const fail = (message: string): never => {
  console.error(`recommend:batch: ${message}\n${usage}`);
  process.exit(2);
};

const readArguments = (): ReplayFiles => {
  try {
    return filesIn(process.argv.slice(2), process.env);
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
