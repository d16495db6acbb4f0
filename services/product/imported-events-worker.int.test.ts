import { afterAll, beforeAll, expect, it } from 'vitest';
import { inTransaction } from '#platform/postgres/transaction';
import { eventually } from '#platform/testing/eventually';
import { handClock } from '#platform/testing/hand-clock';
import { type ScratchDatabase, scratchDatabase } from '#platform/testing/scratch-database';
import { testHost } from '#platform/testing/test-host';
import { keepForLater } from './imported-events-store.js';
import { createImportedEventsWorker, type ImportedEventsWorker } from './imported-events-worker.js';

const clock = handClock();
const host = testHost('product-test', { clock });
let scratch: ScratchDatabase;
let worker: ImportedEventsWorker;

beforeAll(async () => {
  scratch = await scratchDatabase(['platform/outbox/migrations', 'services/product/migrations']);
  worker = createImportedEventsWorker(host, scratch.db);
  await worker.start?.();
});
afterAll(async () => {
  await worker.stop?.();
  await scratch.drop();
});

const keep = (...keys: string[]) =>
  inTransaction(scratch.db, (tx) =>
    keepForLater(
      tx,
      keys.map((key) => ({ topic: 'products', key, value: Buffer.from(key), headers: { of: key } })),
    ),
  );
const appended = async (): Promise<string[]> => {
  const { rows } = await scratch.db.query<{ key: string; value: Buffer; headers: { of: string } }>(
    'SELECT key, value, headers FROM outbox ORDER BY seq',
    [],
  );
  for (const { key, value, headers } of rows) expect([value.toString(), headers.of]).toEqual([key, key]);
  return rows.map(({ key }) => key);
};

it('sends the events of an import when it has ended, or beside it when it takes long', async () => {
  const [endOne, endOther] = [worker.begin(), worker.begin()];
  await keep('a', 'b');
  endOne();
  await eventually(async () => expect(await host.metrics.render()).toMatch(/imported_events_waiting 2$/m));
  expect(await appended()).toEqual([]);
  endOther();
  await eventually(async () => expect(await appended()).toEqual(['a', 'b']));
  await eventually(async () => expect(await host.metrics.render()).toMatch(/imported_events_waiting 0$/m));

  const end = worker.begin();
  clock.advanceMs(30_000);
  await keep('c');
  worker.begin()();
  await eventually(async () => expect(await appended()).toEqual(['a', 'b', 'c']), { timeoutMs: 10_000 });
  end();
});

it('sends the events of imports that follow one another without an end', async () => {
  const before = await appended();
  let end = worker.begin();
  await keep('d');
  for (let nth = 0; nth < 4; nth += 1) {
    clock.advanceMs(10_000);
    const next = worker.begin();
    end();
    end = next;
  }
  await eventually(async () => expect(await appended()).toEqual([...before, 'd']), { timeoutMs: 10_000 });
  end();
});
