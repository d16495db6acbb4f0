/**
 * `npm run properties [-- --rounds N]` runs every file with properties (fast-check) N times (10 unless given), each time
 * with another seed. It ends at the first failure, with the seed that repeats it.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '10' } } });
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1) {
  console.error('--rounds takes a whole number of at least 1, such as --rounds 10');
  process.exit(2);
}

const files = execFileSync('git', ['grep', '-l', "from 'fast-check'", '--', '*.test.ts'])
  .toString()
  .trim()
  .split('\n');

for (let round = 1; round <= rounds; round += 1) {
  const seed = randomInt(2 ** 31);
  console.log(`round ${round} of ${rounds}: ${files.length} files, PROPERTY_SEED=${seed}`);
  const run = spawnSync('npx', ['vitest', 'run', '--project', 'unit', '--reporter', 'dot', ...files], {
    env: { ...process.env, PROPERTY_SEED: String(seed) },
    encoding: 'utf8',
  });
  if (run.status !== 0) {
    console.error(run.stdout, run.stderr);
    console.error(
      `failed: repeat it by PROPERTY_SEED=${seed} npx vitest run --project unit ${files.join(' ')}`,
    );
    process.exit(1);
  }
}
console.log(`${rounds} rounds, no property failed; next: npm test`);
