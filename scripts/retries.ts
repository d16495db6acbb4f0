/**
 * `npm run retries [-- --orders 1000 --kill-every-ms 5000]`: starts a platform of its own, each service in its own process,
 * and sends each order three times under its Idempotency-Key, half of them at once, while the order service's process is
 * killed again and again. Afterwards each key has one order, one charge and one body. Writes
 * `benchmarks/results/retries.json`.
 */
import { writeResults } from '../benchmarks/results.js';
import { repeatOrders } from '../tests/repeated-orders.js';
import { startScratch } from '../tests/running-platform.js';
import { numberOptions } from './number-options.js';

const { orders, 'kill-every-ms': killEveryMs } = numberOptions({ orders: 1_000, 'kill-every-ms': 5_000 });
const plan = { orders, killEveryMs, victim: 'order' };
if (!(plan.orders > 0) || !(plan.killEveryMs > 0)) {
  console.error('--orders and --kill-every-ms are above 0');
  process.exit(2);
}

const platform = await startScratch(['--port', '0', '--catalog', '50', '--no-traffic', '--separate']);
let failed = true;
try {
  const { problems, ...result } = await repeatOrders(platform.runFile, plan);
  failed = problems.length > 0;
  console.log(JSON.stringify(result, null, 2));
  for (const problem of problems) console.log(`PROBLEM ${problem}`);
  if (!failed)
    console.log(
      `each of ${plan.orders} keys has one order, one charge and one body after ${result.kills} kills`,
    );
  writeResults('retries', { ...result, problems });
} finally {
  await platform.stop();
}
process.exit(failed ? 1 : 0);
