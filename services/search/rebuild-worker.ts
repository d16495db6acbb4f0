import { newId } from '#platform/ids';
import type { Broker } from '#platform/messaging/broker';
import { connectBroker } from '#platform/messaging/connect-broker';
import { partitionName } from '#platform/messaging/partition-name';
import { createReactor } from '#platform/messaging/reactor';
import { createSchemaRegistry, type SchemaRegistry } from '#platform/messaging/schema-registry';
import { createDatabase, type Database, serviceDatabaseUrl } from '#platform/postgres/pool';
import { inTransaction, type Tx } from '#platform/postgres/transaction';
import type { RunnableHost } from '#platform/service-host';
import { sleep } from '#platform/waiting/sleep';
import { records } from '#schemas/events';
import { topics } from '#schemas/topics';
import { brokenRule } from '#schemas/value-rules';
import type { SearchConfig } from './config.js';
import { createDocumentStore, documentsChannel, rebuiltSchema } from './document-store.js';
import { reactions } from './reactions.js';

const lookAgainMs = 100;
const sources = [topics.products.topic, topics.inventory.topic, topics.reviews.topic];
const tables = ['documents', 'counted_sales'];

/**
 * Makes the documents anew from all events in Kafka, beside those that are there, and puts them in their place once they are
 * whole. The service may run meanwhile: it answers from the documents of before and follows newer events. For the exchange
 * its notes wait until the new documents know all that the topics have by then; those of events that both know hold once.
 * Resolves to the number of documents, or rejects after `waitMsMax` and leaves the documents of before.
 */
export const rebuildSearch = async (
  host: RunnableHost,
  config: Pick<SearchConfig, 'databaseUrl' | 'database' | 'kafka' | 'schemaRegistryUrl'>,
  waitMsMax: number,
): Promise<number> => {
  const url = serviceDatabaseUrl(config.databaseUrl, config.database);
  // The exchange waits for those who write, and writes whole tables.
  const db = host.use(createDatabase(host, { url, poolMax: 3, migrations: [], statementTimeoutMs: 0 }));
  const apart = host.use(
    createDatabase(host, { url, poolMax: 4, migrations: [], schemas: [rebuiltSchema, 'public'] }),
  );
  const broker = host.use(connectBroker(host, config.kafka));
  const registry = createSchemaRegistry(config.schemaRegistryUrl);
  await host.start();
  return await alone(db, () => rebuildApart(host, { db, apart, broker, registry, waitMsMax }));
};

type RebuildParts = {
  db: Database;
  /** The same, with the tables that are filled. */
  apart: Database;
  broker: Broker;
  registry: SchemaRegistry;
  waitMsMax: number;
};

const rebuildApart = async (
  host: RunnableHost,
  { db, apart, broker, registry, waitMsMax }: RebuildParts,
): Promise<number> => {
  const group = `search.rebuild-${newId()}`;
  const admin = await broker.admin();
  const deadlineMs = performance.now() + waitMsMax;
  /** Until all is read that the topics have now. `whileWaiting` is done again and again. */
  const readOn = async (whileWaiting: () => Promise<unknown> = async () => {}): Promise<void> => {
    const ends = await endsOf(admin);
    while (await isBehind(admin, group, ends)) {
      if (performance.now() > deadlineMs) throw new Error(`not all events were read within ${waitMsMax} ms`);
      await whileWaiting();
      await sleep(lookAgainMs);
    }
  };
  try {
    await beginApart(db);
    const reactor = createReactor(host, {
      broker,
      db: apart,
      registry,
      events: records,
      brokenRule,
      group,
      topics: sources,
      reactions: reactions(createDocumentStore()),
      // The group that follows the log has parked them, and this one ends with the rebuild.
      deadLetters: {
        park: async ({ topic, partition, record: { offset } }) =>
          host.logger.warn({ topic, partition, offset: `${offset}` }, 'passed over'),
      },
      eventsPerTransactionMax: 1_000,
    });
    await reactor.start();
    try {
      await readOn();
      await inTransaction(db, async (tx) => {
        // Whoever reads goes on; whoever writes waits.
        await tx.query(`LOCK TABLE ${tables.join(', ')} IN SHARE ROW EXCLUSIVE MODE`);
        // A session that does nothing for long would be ended.
        await readOn(() => tx.query('SELECT 1'));
        await exchange(tx);
      });
    } finally {
      await reactor.stop();
    }
    await db.query('DELETE FROM inbox WHERE consumer = $1', [group]);
    const { rows } = await db.query<{ count: number }>(
      'SELECT count(*)::integer AS count FROM documents WHERE description IS NOT NULL',
    );
    return rows[0]?.count ?? 0;
  } finally {
    await db.query(`DROP SCHEMA IF EXISTS ${rebuiltSchema} CASCADE`);
    await admin.close();
  }
};

const rebuildLockKey = 4_093_117;

/** Throws where another rebuild runs: both would fill the same tables. The lock ends with its connection. */
const alone = async <T>({ pool }: Database, work: () => Promise<T>): Promise<T> => {
  const client = await pool.connect();
  try {
    const { rows } = await client.query<{ isAlone: boolean }>(
      'SELECT pg_try_advisory_lock($1) AS "isAlone"',
      [rebuildLockKey],
    );
    if (rows[0]?.isAlone !== true) throw new Error('another rebuild of the search runs');
    return await work();
  } finally {
    client.release(true);
  }
};

/** Empty tables beside those that are read. */
const beginApart = (db: Database): Promise<void> =>
  inTransaction(db, async (tx) => {
    await tx.query(`DROP SCHEMA IF EXISTS ${rebuiltSchema} CASCADE`);
    await tx.query(`CREATE SCHEMA ${rebuiltSchema}`);
    for (const table of tables)
      await tx.query(`CREATE TABLE ${rebuiltSchema}.${table} (LIKE public.${table} INCLUDING ALL)`);
  });

/** One statement, because the group goes on: a sale is in both tables, or in neither. */
const exchange = async (tx: Tx): Promise<void> => {
  for (const table of tables) await tx.query(`DELETE FROM ${table}`);
  await tx.query(
    `WITH counted AS (INSERT INTO counted_sales SELECT * FROM ${rebuiltSchema}.counted_sales)
     INSERT INTO documents SELECT * FROM ${rebuiltSchema}.documents`,
  );
  await tx.query('SELECT pg_notify($1, $2)', [documentsChannel, '']);
};

type Admin = Awaited<ReturnType<Broker['admin']>>;

type End = { topic: string; partition: number; low: bigint; high: bigint };

const endsOf = async (admin: Admin): Promise<End[]> =>
  (
    await Promise.all(
      sources.map(async (topic) =>
        (await admin.offsets(topic)).map((partition) => ({ topic, ...partition })),
      ),
    )
  ).flat();

const isBehind = async (admin: Admin, group: string, ends: readonly End[]): Promise<boolean> => {
  const committed = await Promise.all(
    sources.map(async (topic) =>
      (await admin.committedOffsets(group, topic)).map((place) => ({ topic, ...place })),
    ),
  );
  const places = new Map(committed.flat().map((place) => [partitionName(place), place.nextOffset]));
  return ends.some(
    ({ topic, partition, low, high }) =>
      high > low && (places.get(partitionName({ topic, partition })) ?? 0n) < high,
  );
};
