import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createRecentIds } from '#platform/streams/recent-ids';
import { type Read, readEvent, readProduct, readQuery, type SentActivity } from '#recommenders/batch-lines';
import { createRecommender } from '#recommenders/recommender';
import { repeatsOn } from '#schemas/repeats';
import { topics } from '#schemas/topics';
import { linesOf } from './lines.js';

export type ReplayFiles = { events: string; queries: string; out: string; products?: string | undefined };

const problemsShownMax = 20;

/** As many as the shop remembers of all partitions together. */
const idsMax = topics.shopperActivity.partitions * repeatsOn(topics.shopperActivity.topic).idsMax;

/** True for an event that its sender has sent again. */
const createRepeats = () => {
  const recent = createRecentIds(idsMax);
  return ({ visitId = '', eventId }: SentActivity): boolean =>
    eventId !== undefined && recent.seen(JSON.stringify([visitId, eventId]));
};

/**
 * Learns the events, one that was sent again only once, and answers each query from those that were before its `at`.
 * Files are read as they are needed. A line that cannot be read is reported with its number and left out.
 */
export const replay = async (
  { events, queries, out, products }: ReplayFiles,
  report: (problem: string) => void,
): Promise<{ learned: number; answered: number }> => {
  /** The values of a file's lines, in order; reports the lines without one. */
  async function* valuesOf<T>(file: string, read: (line: string) => Read<T>): AsyncGenerator<T> {
    let problems = 0;
    for await (const { number, line } of linesOf(file)) {
      if (line === '') continue;
      const found: Read<T> = line === null ? { problem: 'is too long' } : read(line);
      if ('value' in found) {
        if (found.value !== null) yield found.value;
        continue;
      }
      problems += 1;
      if (problems <= problemsShownMax) report(`${file}:${number}: ${found.problem}`);
    }
    if (problems > problemsShownMax) report(`${file}: ${problems - problemsShownMax} more lines likewise`);
  }

  const recommender = createRecommender();
  if (products !== undefined)
    for await (const product of valuesOf(products, readProduct)) recommender.addProduct(product);
  const output = createWriteStream(out);
  await once(output, 'open');
  const activities = valuesOf(events, readEvent);
  const isRepeat = createRepeats();
  let waiting: IteratorResult<SentActivity> = await activities.next();
  let learned = 0;
  let answered = 0;
  for await (const { queryId, ...query } of valuesOf(queries, readQuery)) {
    while (!waiting.done && waiting.value.atMs < query.atMs) {
      if (!isRepeat(waiting.value)) {
        recommender.learn(waiting.value);
        learned += 1;
      }
      waiting = await activities.next();
    }
    const items = recommender.rank(query).map(({ productId }) => productId);
    answered += 1;
    if (!output.write(`${JSON.stringify({ queryId, items })}\n`)) await once(output, 'drain');
  }
  output.end();
  await once(output, 'finish');
  return { learned, answered };
};
