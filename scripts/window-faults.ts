/**
 * `npm run window-faults [-- --faults 100 --seed 1 --events 100000]`: random faults while the windowed jobs read (killed,
 * restarted, replaced by another process, a stranger in their group, repeats, late events), and at the end every row
 * compared with a recomputation. The engines are those of the platform that CARTSTREAM_RUN names or that runs in
 * `.local`, or are started.
 */
import { parseArgs } from 'node:util';
import { writeResults } from '../benchmarks/results.js';
import { thousands } from '../benchmarks/terminal.js';
import { faultKinds, runFaults } from '../stream-jobs/windows/testing/faults.js';
import { rowDifferences } from '../stream-jobs/windows/testing/row-differences.js';
import { seeded } from '../stream-jobs/windows/testing/shop-events.js';
import { findEngines } from '../tests/running-platform.js';

const { values } = parseArgs({
  options: {
    faults: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    events: { type: 'string', default: '100000' },
  },
});
for (const name of ['faults', 'events'] as const)
  if (!/^[1-9]\d*$/.test(values[name])) {
    console.error(`--${name} takes a whole number from 1, not "${values[name]}"`);
    process.exit(2);
  }
const { runFile, stop } = await findEngines();
process.env.CARTSTREAM_RUN = runFile;
const seed = Number(values.seed);
const random = seeded(seed);
const faults = Array.from(
  { length: Number(values.faults) },
  () => faultKinds[random(faultKinds.length)] as (typeof faultKinds)[number],
);
const { found, expected } = await runFaults({
  faults,
  seed,
  events: Number(values.events),
  redisDatabase: 15,
  log: console.log,
}).finally(stop);
let differences = 0;
for (const [kind, rows] of Object.entries(expected)) {
  const { missing, tooMany } = rowDifferences(found[kind as keyof typeof found], rows);
  differences += missing.length + tooMany.length;
  console.log(
    `${kind}: ${thousands(rows.length)} rows, ${missing.length} missing or different, ${tooMany.length} too many`,
  );
  for (const row of [...missing.slice(0, 2), ...tooMany.slice(0, 2)]) console.log(`  ${row}`);
}
const count = (kind: string): number => faults.filter((one) => one === kind).length;
console.log(`${faults.length} faults (${faultKinds.map((kind) => `${count(kind)} ${kind}`).join(', ')})`);
writeResults('window-faults', { seed, events: Number(values.events), faults: faults.length, differences });
process.exit(differences === 0 ? 0 : 1);
