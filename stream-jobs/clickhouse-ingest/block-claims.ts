import type { ClickHouse } from '#platform/clickhouse/client';
import { textLiteral } from '#platform/clickhouse/text-literal';
import { type Clock, systemClock } from '#platform/clock';
import type { TopicPartition } from '#platform/messaging/broker';
import { partitionName } from '#platform/messaging/partition-name';
import { sleep } from '#platform/waiting/sleep';
import { breakOpen, gateClosedMsMax, gatePartition, type NextTable, nextTableOf } from './table-gate.js';

/** A block's bounds, stored before it is inserted, so that any process can build the same block again. */
export type Claim = {
  firstOffset: number;
  /** The last offset of the block, whether or not a record has it. */
  lastOffset: number;
  /** Increased when the block has to be inserted under another deduplication token. */
  attempt: number;
  schemaIds: readonly number[];
  rows: number;
  /**
   * Offsets whose records are left out of the block, with the reason: the fault code of a poison record, or `repeated`.
   */
  excluded: readonly Exclusion[];
  /**
   * The insert by which the block goes in together with blocks of other partitions; null where it goes in by itself. Its
   * deduplication token is then that insert's.
   */
  gathered: string | null;
};

/** Of the offsets from `from` until before `to`, none of which has a row. */
export const emptyClaim = (from: number, to: number): Claim => ({
  firstOffset: from,
  lastOffset: to - 1,
  attempt: 0,
  schemaIds: [],
  rows: 0,
  excluded: [],
  gathered: null,
});

export type Exclusion = { offset: number; reason: string; detail: string };

/**
 * The right of one process to claim the blocks of one partition. Kafka assigns a partition to one consumer, but a
 * consumer that was paused does not notice that it has lost it. So a new owner first writes a greater `epoch` and then
 * reads the claims, and an owner that claims a block first writes the claim and then reads the epochs. Of two owners at
 * least one sees the other: the new one sees the old one's claim and builds that block again, or the old one sees the
 * new epoch and does not insert.
 */
export type Ownership = {
  /** The newest claim when the partition was taken over. Only this one may be unfinished. */
  readonly newest: (Claim & ClaimedBefore) | null;
  /** Stores the claim, and waits while the table is about to be replaced. */
  claim(claim: Claim): Promise<Claimed>;
  /** False when another process owns the partition now. */
  isOurs(): Promise<boolean>;
  /** Resolves when the table is not about to be replaced. */
  gateIsOpen(): Promise<void>;
};

/**
 * `theirs`: another process owns the partition now, and the block must not be inserted. `ours_later`: it is ours, and
 * meanwhile another table may have taken the place of the one that was looked at.
 */
export type Claimed = 'ours' | 'ours_later' | 'theirs';

export type ClaimedBefore = {
  /** ClickHouse's clock, epoch milliseconds. */
  claimedAtMs: number;
  /** The age of the claim when the partition was taken over. */
  ageMs: number;
};

export type BlockClaims = {
  /** In the order of `partitions`. */
  takeOver(partitions: readonly TopicPartition[]): Promise<Ownership[]>;
  /** The newest claim of each partition, by `topic/partition`, without taking it over. */
  newest(partitions: readonly TopicPartition[]): Promise<Map<string, Claim & ClaimedBefore>>;
};

type Row = {
  topic: string;
  partition: number;
  first_offset: number;
  last_offset: number;
  attempt: number;
  schema_ids: number[];
  rows: number;
  excluded: Exclusion[];
  gathered: string;
  claimed_at_ms: number;
  age_ms: number;
};

/** A replaced owner has claimed at most one block too many, so the newest valid claim is among the last ones. */
const lastClaimsMax = 100;
const readTogetherMax = 50;

// Over seventy lines: one owner, whose epochs, claims and gate share one state.
export const createBlockClaims = (
  clickhouse: Pick<ClickHouse, 'query' | 'insertRows' | 'command'>,
  owner: string,
  options: { clock?: Clock; gateClosedMsMax?: number } = {},
): BlockClaims => {
  const gathered = gatherClaims(clickhouse, owner);
  const claims = waitAtGate(gathered, clickhouse, {
    clock: options.clock ?? systemClock,
    closedMsMax: options.gateClosedMsMax ?? gateClosedMsMax,
  });

  /** One statement for many partitions, because reading them together takes as long as reading one. */
  const newestOf = async (
    partitions: readonly TopicPartition[],
  ): Promise<Map<string, Claim & ClaimedBefore>> => {
    const newest = new Map<string, Claim & ClaimedBefore>();
    for (let from = 0; from < partitions.length; from += readTogetherMax) {
      const each = partitions.slice(from, from + readTogetherMax).map(
        ({ topic, partition }) =>
          `SELECT * FROM (
             SELECT * FROM ingest_blocks WHERE topic = ${textLiteral(topic)} AND partition = ${partition}
             ORDER BY first_offset DESC LIMIT ${lastClaimsMax}
           ) ORDER BY epoch DESC, first_offset DESC, attempt DESC LIMIT 1`,
      );
      const rows = await clickhouse.query<Row>(
        `SELECT topic, partition, first_offset, last_offset, attempt, schema_ids, rows, excluded, gathered,
           toUnixTimestamp64Milli(claimed_at) AS claimed_at_ms, toUnixTimestamp64Milli(now64(3)) - claimed_at_ms AS age_ms
         FROM (${each.join(' UNION ALL ')})`,
      );
      for (const row of rows)
        newest.set(partitionName(row), {
          firstOffset: row.first_offset,
          lastOffset: row.last_offset,
          attempt: row.attempt,
          schemaIds: row.schema_ids,
          rows: row.rows,
          excluded: row.excluded,
          gathered: row.gathered === '' ? null : row.gathered,
          claimedAtMs: row.claimed_at_ms,
          ageMs: row.age_ms,
        });
    }
    return newest;
  };

  return {
    newest: newestOf,
    takeOver: async (partitions) => {
      if (partitions.length === 0) return [];
      const known = new Map(
        (
          await clickhouse.query<TopicPartition & { epoch: number }>(
            `SELECT topic, partition, max(epoch) AS epoch FROM ingest_owners
             WHERE topic IN (${[...new Set(partitions.map(({ topic }) => textLiteral(topic)))].join(', ')})
             GROUP BY topic, partition`,
          )
        ).map((row) => [partitionName(row), row.epoch]),
      );
      const owned = partitions.map(({ topic, partition }) => ({
        topic,
        partition,
        epoch: (known.get(partitionName({ topic, partition })) ?? 0) + 1,
      }));
      await clickhouse.insertRows(
        'ingest_owners',
        owned.map((each) => ({ ...each, owner })),
      );
      const newest = await newestOf(partitions);
      return owned.map((each) => ({
        newest: newest.get(partitionName(each)) ?? null,
        claim: (claim) => claims.claim({ ...each, claim }),
        gateIsOpen: async () => {
          await claims.claim({ ...each, claim: null });
        },
        isOurs: async () => (await gathered.ask({ ...each, claim: null })).isOurs,
      }));
    },
  };
};

/** Without a claim only the owner is looked up. */
type Wanted = { topic: string; partition: number; epoch: number; claim: Claim | null };

/** `next` is the table that is about to replace the one that the block goes into. */
type Answer = { isOurs: boolean; next: NextTable | null };

const gateLookMs = 50;

/** Claims that wait while the gate of their topic is closed. */
const waitAtGate = (
  { ask }: { ask(wanted: Wanted): Promise<Answer> },
  clickhouse: Pick<ClickHouse, 'query' | 'insertRows' | 'command'>,
  { clock, closedMsMax }: { clock: Clock; closedMsMax: number },
) => ({
  claim: async (wanted: Wanted): Promise<Claimed> => {
    let answer = await ask(wanted);
    if (answer.isOurs && answer.next === null) return 'ours';
    const sinceMs = clock.monotonicMs();
    while (answer.isOurs && answer.next !== null) {
      if (clock.monotonicMs() - sinceMs > closedMsMax) await breakOpen(clickhouse, wanted.topic, answer.next);
      await sleep(gateLookMs);
      answer = await ask({ ...wanted, claim: null });
    }
    return answer.isOurs ? 'ours_later' : 'theirs';
  },
});

/**
 * Sends the claims of several partitions together: claims that arrive during a request make up the next one. A shop
 * with little traffic has many small blocks, and this halves their cost.
 */
const gatherClaims = (clickhouse: Pick<ClickHouse, 'query' | 'insertRows' | 'command'>, owner: string) => {
  type Waiting = Wanted & { resolve(answer: Answer): void; reject(error: unknown): void };
  let waiting: Waiting[] = [];
  let working = false;

  const store = async (
    together: readonly Waiting[],
  ): Promise<Map<string, { epoch: number; owner: string }>> => {
    // Plain statements without settings or parameters, because two of them precede every block.
    const claimed = together.flatMap((each) => (each.claim === null ? [] : [valuesOf(each, each.claim)]));
    if (claimed.length > 0)
      await clickhouse.command(
        `INSERT INTO ingest_blocks (topic, partition, epoch, first_offset, last_offset, attempt, schema_ids, rows, excluded, gathered)
         SELECT * FROM values(${claimed.join(', ')})`,
      );
    const places = [
      ...together.map(placeOf),
      ...together.map(({ topic }) => placeOf({ topic, partition: gatePartition })),
    ];
    const owners = await clickhouse.query<{ topic: string; partition: number; epoch: number; owner: string }>(
      `SELECT topic, partition, epoch, owner FROM ingest_owners
       WHERE (topic, partition) IN (${[...new Set(places)].join(', ')})
       ORDER BY topic, partition, epoch DESC, owner DESC LIMIT 1 BY topic, partition`,
    );
    return new Map(owners.map((row) => [partitionName(row), row]));
  };

  const work = async (): Promise<void> => {
    working = true;
    while (waiting.length > 0) {
      const together = waiting;
      waiting = [];
      try {
        const owners = await store(together);
        for (const { topic, partition, epoch, resolve } of together) {
          const latest = owners.get(partitionName({ topic, partition }));
          resolve({
            isOurs: latest?.epoch === epoch && latest.owner === owner,
            next: nextTableOf(owners.get(partitionName({ topic, partition: gatePartition }))?.owner),
          });
        }
      } catch (error) {
        for (const { reject } of together) reject(error);
      }
    }
    working = false;
  };

  return {
    ask: (wanted: Wanted): Promise<Answer> =>
      new Promise((resolve, reject) => {
        waiting.push({ ...wanted, resolve, reject });
        if (!working) void work();
      }),
  };
};

const placeOf = ({ topic, partition }: TopicPartition): string => `(${textLiteral(topic)}, ${partition})`;

const valuesOf = ({ topic, partition, epoch }: Wanted, claim: Claim): string => {
  const excluded = claim.excluded.map(
    ({ offset, reason, detail }) => `(${offset}, ${textLiteral(reason)}, ${textLiteral(detail)})`,
  );
  const { firstOffset, lastOffset, attempt, schemaIds, rows, gathered } = claim;
  return `(${textLiteral(topic)}, ${partition}, ${epoch}, ${firstOffset}, ${lastOffset}, ${attempt}, [${schemaIds.join(', ')}]::Array(UInt32), ${rows}, [${excluded.join(', ')}]::Array(Tuple(offset UInt64, reason String, detail String)), ${textLiteral(gathered ?? '')})`;
};

/**
 * The token of one insert; ClickHouse drops a second insert with the same token, whatever its rows are. A block has one
 * insert for each schema.
 */
export const deduplicationToken = (
  topic: string,
  partition: number,
  claim: Pick<Claim, 'firstOffset' | 'lastOffset' | 'attempt' | 'gathered'>,
  schemaId: number,
): string =>
  claim.gathered === null
    ? `${topic}/${partition}/${claim.firstOffset}-${claim.lastOffset}/${schemaId}/${claim.attempt}`
    : gatheredToken(claim.gathered, schemaId);

export const gatheredToken = (gathered: string, schemaId: number): string => `${gathered}/${schemaId}`;
