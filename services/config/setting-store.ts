import type { Clock } from '#platform/clock';
import type { JsonValue } from '#platform/http/json-value';
import type { EventPublisher } from '#platform/messaging/events';
import { append } from '#platform/outbox/outbox';
import type { Queryable } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';
import type { EventMap, EventType } from '#schemas/events';

type Scalar = number | string | boolean;
type Row = Record<string, Scalar | (Scalar | Record<string, Scalar>)[]>;

/** A value of JSON; null where the default holds. */
export type SettingValue = Scalar | Row[] | { [name: string]: JsonValue } | null;

export type SettingRow = {
  key: string;
  version: number;
  value: SettingValue;
  changedBy: string;
  changedAt: Date;
};

export type HistoryRow = SettingRow & { rolledBackTo: number | null };

export type Change = { value: SettingValue; rolledBackTo: number | null; changedBy: string };

export type SettingStore = {
  /** Those that were ever changed. */
  list(db: Queryable): Promise<SettingRow[]>;
  find(db: Queryable, key: string): Promise<SettingRow | undefined>;
  /** Newest first. */
  history(
    db: Queryable,
    key: string,
    page: { beforeVersion: number | undefined; rowsMax: number },
  ): Promise<HistoryRow[]>;
  /** The value that the setting had at this version; undefined where there is no such version. */
  valueAt(db: Queryable, key: string, version: number): Promise<{ value: SettingValue } | undefined>;
  /** The current version, 0 where the setting was never changed. Until the transaction ends nobody else changes it. */
  lockVersion(tx: Tx, key: string): Promise<number>;
  /** Writes the change that follows `version`, which `lockVersion` has returned, with its event. */
  change(tx: Tx, key: string, version: number, change: Change): Promise<SettingRow>;
};

export const publishes = ['SettingChanged'] as const satisfies readonly EventType[];
export type Published = Pick<EventMap, (typeof publishes)[number]>;

/** The event that reports a change is one record of the log, whose other fields are small. */
export const valueBytesMax = 890_000;

const columns = `key, version, value, changed_by AS "changedBy", changed_at AS "changedAt"`;

export const createSettingStore = ({
  events,
  clock,
}: {
  events: Pick<EventPublisher<Published>, 'event'>;
  clock: Clock;
}): SettingStore => ({
  list: async (db) => (await db.query<SettingRow>(`SELECT ${columns} FROM settings`)).rows,

  find: async (db, key) =>
    (await db.query<SettingRow>(`SELECT ${columns} FROM settings WHERE key = $1`, [key])).rows[0],

  history: async (db, key, { beforeVersion, rowsMax }) => {
    const { rows } = await db.query<HistoryRow>(
      `SELECT ${columns}, rolled_back_to AS "rolledBackTo" FROM setting_history
       WHERE key = $1 AND ($2::integer IS NULL OR version < $2) ORDER BY version DESC LIMIT $3`,
      [key, beforeVersion ?? null, rowsMax],
    );
    return rows;
  },

  valueAt: async (db, key, version) => {
    const { rows } = await db.query<{ value: SettingValue }>(
      'SELECT value FROM setting_history WHERE key = $1 AND version = $2',
      [key, version],
    );
    return version === 0 ? { value: null } : rows[0];
  },

  lockVersion: async (tx, key) => {
    // A setting that was never changed has no row to lock.
    await tx.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [key]);
    const { rows } = await tx.query<{ version: number }>('SELECT version FROM settings WHERE key = $1', [
      key,
    ]);
    return rows[0]?.version ?? 0;
  },

  change: async (tx, key, version, { value, rolledBackTo, changedBy }) => {
    const nowMs = clock.nowMs();
    const next = version + 1;
    const json = value === null ? null : JSON.stringify(value);
    const values = [key, next, json, changedBy, new Date(nowMs)];
    const { rows } = await tx.query<SettingRow>(
      `INSERT INTO settings (key, version, value, changed_by, changed_at) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (key) DO UPDATE SET version = excluded.version, value = excluded.value,
         changed_by = excluded.changed_by, changed_at = excluded.changed_at
       RETURNING ${columns}`,
      values,
    );
    await tx.query(
      `INSERT INTO setting_history (key, version, value, changed_by, changed_at, rolled_back_to)
       VALUES ($1, $2, $3, $4, $5, $6)`,
      [...values, rolledBackTo],
    );
    await append(tx, [
      events.event(
        'SettingChanged',
        key,
        { key, version: next, value: json, changedBy, occurredAt: nowMs },
        { occurredAt: nowMs },
      ),
    ]);
    return rows[0] as SettingRow;
  },
});
