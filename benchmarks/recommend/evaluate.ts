/**
 * `npm run evaluate [-- split …] [--period tuning]`: runs the splits of the public data sets (local/data-sets.ts) through `recommend:batch` and
 * prints what it answers beside the reference, and beside the same models that stop learning when the first query comes. With
 * `--period tuning` the end of the training part is predicted instead, on which settings are chosen. Splits without their
 * files are skipped.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { dataSetsFolder } from '../../local/data-sets.js';
import { writeResults } from '../results.js';
import { table } from '../terminal.js';
import { answersOf } from './batch-answers.js';
import { intervalOf, mean, scoresOf, spreadOf } from './scoring.js';
import {
  filesOfSplits,
  missingFiles,
  type Period,
  retailrocketSplits,
  type Split,
  uciSplits,
} from './splits.js';

const { values, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: { period: { type: 'string', default: 'test' } },
});
const period: Period = values.period === 'tuning' ? 'tuning' : 'test';

const availableSplits = (): Split[] => {
  const sources = [
    { files: filesOfSplits.retailrocket, splits: retailrocketSplits },
    { files: filesOfSplits.uci, splits: uciSplits },
  ];
  return sources.flatMap(({ files, splits }) => {
    const missing = missingFiles(dataSetsFolder, files);
    if (missing.length > 0) console.log(`skipped: there is no ${missing.join(', ')} in ${dataSetsFolder}`);
    return missing.length > 0 ? [] : splits(dataSetsFolder, period);
  });
};

const measured = async (split: Split, folder: string) => {
  const { lists, seconds } = await answersOf(split, folder);
  const scores = scoresOf(split, lists);
  const of = (nth: 0 | 1) => scores.map((pair) => pair[nth]);
  const events = new Map<string, number>();
  for (const event of split.events)
    for (const item of event.type === 'order_placed' ? event.productIds : [event.productId])
      events.set(item, (events.get(item) ?? 0) + 1);
  return {
    split: split.name,
    measures: split.measures,
    queries: scores.length,
    reference: split.reference,
    measured: [mean(of(0)), mean(of(1))],
    intervals: [intervalOf(of(0)), intervalOf(of(1))],
    ...spreadOf(lists, events),
    seconds,
  };
};

type Measured = Awaited<ReturnType<typeof measured>>;

/** The same split with the events that come after its first query left out. */
const frozen = (split: Split): Split => {
  const [first = ''] = split.queries.map(({ at }) => at).sort();
  return {
    ...split,
    name: `${split.name}, frozen`,
    events: split.events.filter(({ occurredAt }) => occurredAt < first),
  };
};

const rowOf = ({ split, queries, reference, measured: [a, b], intervals, ...spread }: Measured): string[] => [
  split,
  String(queries),
  `${reference[0].toFixed(3)} / ${reference[1].toFixed(3)}`,
  `${a?.toFixed(3)} / ${b?.toFixed(3)}`,
  intervals.map(([low, high]) => `${low.toFixed(3)}–${high.toFixed(3)}`).join(' / '),
  spread.coverage.toFixed(2),
  spread.gini.toFixed(2),
  spread.novelty.toFixed(1),
  spread.diversity.toFixed(2),
  spread.seconds.toFixed(0),
];

const columns = [
  'split',
  'queries',
  'reference',
  'measured',
  '95 % interval',
  'coverage',
  'Gini',
  'novelty',
  'diversity',
  'seconds',
].map((title, nth) => ({ title, right: nth > 0 }));

const folder = mkdtempSync(join(tmpdir(), 'cartstream-evaluate-'));
try {
  const splits = availableSplits().filter(({ name }) => wanted.length === 0 || wanted.includes(name));
  const isPrequential = ({ name }: Split) => name === 'uci-next' || name === 'uci-basket';
  const all = [...splits, ...splits.filter(isPrequential).map(frozen)];
  const results: Measured[] = [];
  for (const split of all) results.push(await measured(split, folder));
  console.log(table(columns, results.map(rowOf)));
  if (results.length > 0)
    writeResults(period === 'test' ? 'recommend' : 'recommend-tuning', { period, results });
} finally {
  rmSync(folder, { recursive: true });
}
