import { type ClickHouse, clickHouseCode } from '#platform/clickhouse/client';

/**
 * Stops new inserts into a table for the moment in which a back-fill puts another table in its place.
 *
 * The gate of a topic is the owner of a partition that no topic has. Whoever closes it writes the row first and then reads
 * the claims; an owner that claims a block writes the claim first and then reads the gate. So of every block that is not
 * held back, the claim is seen by the one who closed the gate.
 */
export const gatePartition = 65_535;

/** An owner waits this long for a closed gate, by its own clock, before it breaks it open. */
export const gateClosedMsMax = 20_000;

/** The table that is about to take the place of another; in a database of its own. */
export type NextTable = { database: string; table: string };

const closedMark = 'closed for ';
const openMark = 'open';

const closedGate = ({ database, table }: NextTable): string => `${closedMark}${database}.${table}`;

/** The table that a closed gate's row names; null if the row says that it is open. */
export const nextTableOf = (gate: string | undefined): NextTable | null => {
  if (gate === undefined || !gate.startsWith(closedMark)) return null;
  const [database = '', table = ''] = gate.slice(closedMark.length).split('.');
  return { database, table };
};

/** The name by which the next table is out of reach for the one who would exchange it. */
export const lateName = (table: string): string => `${table}_late`;

type Engine = Pick<ClickHouse, 'query' | 'command' | 'insertRows'>;

/** Writes the state of the gates of `topics` over their last one. */
export const setGates = async (
  clickhouse: Engine,
  topics: readonly string[],
  next: NextTable | null,
): Promise<void> => {
  const rows = await clickhouse.query<{ topic: string; epoch: number }>(
    'SELECT topic, max(epoch) AS epoch FROM ingest_owners WHERE partition = {gate:UInt16} GROUP BY topic',
    { gate: gatePartition },
  );
  const epochs = new Map(rows.map(({ topic, epoch }) => [topic, epoch]));
  await clickhouse.insertRows(
    'ingest_owners',
    topics.map((topic) => ({
      topic,
      partition: gatePartition,
      epoch: (epochs.get(topic) ?? 0) + 1,
      owner: next === null ? openMark : closedGate(next),
    })),
  );
};

/**
 * Opens the gate of a back-fill that did not open it in time. Renaming its table comes first: ClickHouse does one after
 * the other, so the exchange either was before, or fails.
 */
export const breakOpen = async (
  clickhouse: Engine,
  topic: string,
  { database, table }: NextTable,
): Promise<void> => {
  await clickhouse
    .command(`RENAME TABLE ${database}.${table} TO ${database}.${lateName(table)}`)
    .catch((error: unknown) => {
      if (!isGone(error)) throw error;
    });
  await setGates(clickhouse, [topic], null);
};

/** True where the table was renamed by another owner already, or dropped with its database. */
export const isGone = (error: unknown): boolean =>
  [unknownTable, unknownDatabase].includes(clickHouseCode(error) ?? 0);

const unknownTable = 60;
const unknownDatabase = 81;
