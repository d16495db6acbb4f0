import { expect, it } from 'vitest';
import { faultKinds, runFaults } from './testing/faults.js';

/** One fault of each kind; `npm run window-faults` has hundreds at random. */
it('windows equal a recomputation over all events, whatever happens to the process and to the log', async () => {
  const { found, expected } = await runFaults({
    faults: faultKinds,
    seed: 1,
    events: 14_000,
    redisDatabase: 11,
    log: () => {},
  });
  for (const rows of Object.values(expected)) expect(rows.length).toBeGreaterThan(5);
  expect(found).toEqual(expected);
}, 240_000);
