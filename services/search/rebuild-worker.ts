import { newId } from '#platform/ids';
import { connectBroker } from '#platform/messaging/connect-broker';
import { partitionName } from '#platform/messaging/partition-name';
import { createReactor } from '#platform/messaging/reactor';
import { createSchemaRegistry } from '#platform/messaging/schema-registry';
import { createDatabase, serviceDatabaseUrl } from '#platform/postgres/pool';
import { inTransaction } from '#platform/postgres/transaction';
import type { RunnableHost } from '#platform/service-host';
import { sleep } from '#platform/waiting/sleep';
import { records } from '#schemas/events';
import { topics } from '#schemas/topics';
import { brokenRule } from '#schemas/value-rules';
import type { SearchConfig } from './config.js';
import { createDocumentStore, documentsChannel } from './document-store.js';
import { reactions } from './reactions.js';

const lookAgainMs = 100;
const sources = [topics.products.topic, topics.inventory.topic, topics.reviews.topic];

/**
 * Deletes the documents and makes them anew from all events in Kafka, up to the ends that the topics have when it
 * begins. The service may run meanwhile: it follows newer events as before, because each note holds only if it is newer
 * than the last one, and it answers from its index as it was until the documents are whole again. Resolves to the number
 * of documents, or rejects after `waitMsMax`.
 */
export const rebuildSearch = async (
  host: RunnableHost,
  config: Pick<SearchConfig, 'databaseUrl' | 'database' | 'kafka' | 'schemaRegistryUrl'>,
  waitMsMax: number,
): Promise<number> => {
  const db = host.use(
    createDatabase(host, {
      url: serviceDatabaseUrl(config.databaseUrl, config.database),
      poolMax: 4,
      migrations: [],
    }),
  );
  const broker = host.use(connectBroker(host, config.kafka));
  const registry = createSchemaRegistry(config.schemaRegistryUrl);
  const group = `search.rebuild-${newId()}`;
  await host.start();
  const admin = await broker.admin();
  try {
    const ends = (
      await Promise.all(
        sources.map(async (topic) =>
          (await admin.offsets(topic)).map((partition) => ({ topic, ...partition })),
        ),
      )
    ).flat();
    await inTransaction(db, async (tx) => {
      await tx.query('TRUNCATE documents, counted_sales');
    });
    const reactor = createReactor(host, {
      broker,
      db,
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
    const deadlineMs = performance.now() + waitMsMax;
    try {
      while (await isBehind(admin, group, ends)) {
        if (performance.now() > deadlineMs)
          throw new Error(`not all events were read within ${waitMsMax} ms`);
        await sleep(lookAgainMs);
      }
    } finally {
      await reactor.stop();
    }
    await db.query('DELETE FROM inbox WHERE consumer = $1', [group]);
    await db.query('SELECT pg_notify($1, $2)', [documentsChannel, '']);
    const { rows } = await db.query<{ count: number }>(
      'SELECT count(*)::integer AS count FROM documents WHERE description IS NOT NULL',
    );
    return rows[0]?.count ?? 0;
  } finally {
    await admin.close();
  }
};

type End = { topic: string; partition: number; low: bigint; high: bigint };

const isBehind = async (
  admin: Awaited<ReturnType<ReturnType<typeof connectBroker>['admin']>>,
  group: string,
  ends: readonly End[],
): Promise<boolean> => {
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
