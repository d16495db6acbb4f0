import type { Clock } from '#platform/clock';
import { newId } from '#platform/ids';
import type { RawHeader } from '#platform/messaging/broker';
import type { Parked } from '#platform/messaging/replay';
import type { Queryable } from '#platform/postgres/pool';
import type { Letter } from './dead-letter.js';

export type LetterView = {
  id: string;
  topic: string;
  partition: number;
  offset: number;
  group: string;
  reason: string;
  message: string;
  stackDigest: string;
  attempts: number;
  key: Buffer | null;
  valueBytes: number;
  isCut: boolean;
  parkedAt: Date;
  times: number;
  replays: number;
  replayedAt: Date | null;
  /** It was not replayed since it was parked the last time. */
  isWaiting: boolean;
};

export type WholeLetter = LetterView & { parked: Parked };

export type LetterFilter = {
  topic?: string | undefined;
  group?: string | undefined;
  reason?: string | undefined;
  /** Only letters that were not replayed since they were parked. */
  isWaiting?: boolean | undefined;
};

export type LetterCount = { topic: string; group: string; reason: string; waiting: number; replayed: number };

export type DeadLetterStore = {
  /** Does nothing for a letter that was kept before. */
  keep(db: Queryable, letters: readonly Letter[]): Promise<void>;
  /** Newest first. */
  list(
    db: Queryable,
    filter: LetterFilter,
    page: { beforeId: string | undefined; rowsMax: number },
  ): Promise<LetterView[]>;
  /** How many there are of each topic, group and reason; the most first. */
  count(db: Queryable, filter: LetterFilter): Promise<LetterCount[]>;
  find(db: Queryable, id: string): Promise<WholeLetter | undefined>;
  /**
   * Those that were parked whole and not replayed since, in the order of their places: that in which they were first read.
   * Only of groups whose names begin with one of `groupPrefixes`.
   */
  waiting(
    db: Queryable,
    filter: LetterFilter,
    page: { groupPrefixes: readonly string[]; after: LetterView | undefined; rowsMax: number },
  ): Promise<WholeLetter[]>;
  /** The letters are as they were before their records were sent: one that was parked again since waits again. */
  noteReplayed(db: Queryable, letters: readonly Pick<LetterView, 'id' | 'times'>[]): Promise<void>;
  prune(db: Queryable): Promise<void>;
};

const columns = `id, topic, partition, record_offset AS "offset", consumer_group AS "group", reason, message,
  stack_digest AS "stackDigest", attempts, key, coalesce(octet_length(value), 0) AS "valueBytes", is_cut AS "isCut",
  parked_at AS "parkedAt", times, replays, replayed_at AS "replayedAt", times > replayed_times AS "isWaiting"`;

const matching = `expires_at > $1 AND ($2::text IS NULL OR topic = $2) AND ($3::text IS NULL OR consumer_group = $3)
  AND ($4::text IS NULL OR reason = $4) AND (NOT $5 OR times > replayed_times)`;

// Over seventy lines: a statement for each step of a letter.
export const createDeadLetterStore = (clock: Clock): DeadLetterStore => {
  const now = () => new Date(clock.nowMs());
  const valuesOf = ({ topic, group, reason, isWaiting }: LetterFilter) => [
    now(),
    topic ?? null,
    group ?? null,
    reason ?? null,
    isWaiting ?? false,
  ];

  return {
    keep: async (db, letters) => {
      for (const letter of letters) {
        const { topic, partition, offset, group, key, value, headers } = letter.parked;
        await db.query(
          `INSERT INTO dead_letters (id, topic, partition, record_offset, consumer_group, reason, message,
             stack_digest, attempts, key, value, headers, is_cut, letter_offset, parked_at, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
           ON CONFLICT (topic, partition, record_offset, consumer_group) DO UPDATE SET reason = excluded.reason,
             message = excluded.message, stack_digest = excluded.stack_digest, attempts = excluded.attempts,
             letter_offset = excluded.letter_offset, parked_at = excluded.parked_at, expires_at = excluded.expires_at,
             times = dead_letters.times + 1
           WHERE dead_letters.letter_offset < excluded.letter_offset`,
          [
            newId(clock),
            topic,
            partition,
            String(offset),
            group,
            letter.reason,
            letter.message,
            letter.stackDigest,
            letter.attempts,
            key,
            value,
            JSON.stringify(headers.map(([name, bytes]) => [name, bytes?.toString('base64') ?? null])),
            letter.isCut,
            String(letter.letterOffset),
            new Date(letter.parkedAtMs),
            new Date(letter.expiresAtMs),
          ],
        );
      }
    },

    list: async (db, filter, { beforeId, rowsMax }) => {
      const { rows } = await db.query<LetterView>(
        `SELECT ${columns} FROM dead_letters WHERE ${matching} AND ($6::uuid IS NULL OR id < $6)
         ORDER BY id DESC LIMIT $7`,
        [...valuesOf(filter), beforeId ?? null, rowsMax],
      );
      return rows;
    },

    count: async (db, filter) => {
      const { rows } = await db.query<LetterCount>(
        `SELECT topic, consumer_group AS "group", reason,
           count(*) FILTER (WHERE times > replayed_times) AS waiting,
           count(*) FILTER (WHERE times <= replayed_times) AS replayed
         FROM dead_letters WHERE ${matching} GROUP BY topic, consumer_group, reason
         ORDER BY count(*) DESC, topic, consumer_group, reason LIMIT 100`,
        valuesOf(filter),
      );
      return rows;
    },

    find: async (db, id) => {
      const { rows } = await db.query<Row>(
        `SELECT ${columns}, value, headers FROM dead_letters WHERE id = $1 AND expires_at > $2`,
        [id, now()],
      );
      return rows.map(wholeOf)[0];
    },

    waiting: async (db, filter, { groupPrefixes, after, rowsMax }) => {
      const { rows } = await db.query<Row>(
        `SELECT ${columns}, value, headers FROM dead_letters
         WHERE ${matching} AND NOT is_cut AND consumer_group ^@ ANY ($11::text[]) AND ($6::text IS NULL
           OR (topic, partition, record_offset, consumer_group) > ($6, $7::integer, $8::bigint, $9::text))
         ORDER BY topic, partition, record_offset, consumer_group LIMIT $10`,
        [
          ...valuesOf({ ...filter, isWaiting: true }),
          after?.topic ?? null,
          after?.partition ?? null,
          after?.offset ?? null,
          after?.group ?? null,
          rowsMax,
          groupPrefixes,
        ],
      );
      return rows.map(wholeOf);
    },

    noteReplayed: async (db, letters) => {
      await db.query(
        `UPDATE dead_letters one SET replays = replays + 1, replayed_at = $3,
           replayed_times = greatest(replayed_times, replayed.times)
         FROM unnest($1::uuid[], $2::integer[]) AS replayed(id, times) WHERE one.id = replayed.id`,
        [letters.map(({ id }) => id), letters.map(({ times }) => times), now()],
      );
    },

    prune: async (db) => {
      await db.query('DELETE FROM dead_letters WHERE expires_at <= $1', [now()]);
    },
  };
};

type Row = LetterView & { value: Buffer | null; headers: [string, string | null][] };

const wholeOf = ({ value, headers, ...view }: Row): WholeLetter => {
  const { topic, partition, offset, group, key } = view;
  const raw = headers.map(
    ([name, bytes]): RawHeader => [name, bytes === null ? null : Buffer.from(bytes, 'base64')],
  );
  return { ...view, parked: { topic, partition, offset: BigInt(offset), group, key, value, headers: raw } };
};
