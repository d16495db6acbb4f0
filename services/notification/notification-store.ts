import type { Clock } from '#platform/clock';
import type { EventPublisher } from '#platform/messaging/events';
import { append } from '#platform/outbox/outbox';
import type { Batch } from '#platform/postgres/gathering';
import { keyset } from '#platform/postgres/keyset';
import type { Queryable } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';
import { currentCorrelation } from '#platform/telemetry/correlation';
import { currentTraceparent } from '#platform/telemetry/tracing';
import type { EventMap, EventType } from '#schemas/events';
import { versionLast } from './contact-store.js';
import {
  type Contact,
  everything,
  type Preferences,
  preferencesBut,
  type Result,
  type Status,
} from './delivery.js';
import {
  aboutOf,
  type ChannelName,
  causedByRecipient,
  channelsOf,
  type Data,
  type Notification,
  type Template,
} from './notification.js';

export const publishes = ['NotificationSent', 'NotificationFailed'] as const satisfies readonly EventType[];
export type Published = Pick<EventMap, (typeof publishes)[number]>;

/** A notification that an attempt has been begun to send. */
export type Claimed = {
  id: string;
  template: Template;
  orderId: string | null;
  userId: string | null;
  data: Data;
  /** How its recipient is reached; undefined while nothing is known of the account, or of the guest who placed the order. */
  contact: Contact | undefined;
  /** Whether that contact is the one that a guest gave with the order. */
  isGuest: boolean;
  preferences: Preferences;
  secret: Data | null;
  channels: ChannelName[] | null;
  results: Result[];
  /** Counts the attempts, this one included. */
  attempts: number;
  occurredAt: Date;
  uselessAt: Date;
  correlationId: string;
  /** The event that the notification is about; null for a message of staff. */
  causationId: string | null;
  traceparent: string | null;
};

export type HistoryRow = {
  id: string;
  userId: string | null;
  template: Template;
  orderId: string | null;
  data: Data;
  status: Status | 'pending';
  results: Result[];
  occurredAt: Date;
};

export type HistoryFilter = {
  /** Those of all users if undefined. */
  userId: string | undefined;
  status: string | undefined;
  /** The last one of the page before. */
  after: { atMs: number; id: string } | undefined;
  rowsMax: number;
};

/** What an attempt came to. A `retryAtMs` leaves the notification pending until then. */
export type Attempted = { results: readonly Result[]; fresh: readonly Result[] } & (
  | { status: Status }
  | { retryAtMs: number }
);

export type NotificationStore = {
  /**
   * Records a notification to be sent. The id makes it one, however often its event comes. False, with nothing changed,
   * when it is recorded already, or its user was erased. What is useless by now is recorded as skipped, and so is what is
   * too many for one account.
   */
  record(tx: Tx, id: string, notification: Notification, occurredAtMs: number): Promise<boolean>;
  /** The buyer of an order about which something was recorded before; null for a guest or an unknown order. */
  buyerOf(db: Queryable, orderId: string): Promise<string | null>;
  /** Newest first. */
  history(db: Queryable, filter: HistoryFilter): Promise<HistoryRow[]>;
  /**
   * Begins an attempt for each of the next ones that are due, urgent ones first. For `leaseMs` nobody else begins one, so
   * that is how long a process that dies delays what it was sending.
   */
  claim(db: Queryable, options: { countMax: number; leaseMs: number }): Promise<Claimed[]>;
  /** The same for attempts that go on: for another `leaseMs` nobody else begins one. */
  hold(db: Queryable, claimed: readonly Claimed[], leaseMs: number): Promise<void>;
  /**
   * Has those attempted now whose next attempt is later than `restMsMax` from now: the wall clock was set back since they
   * were put off.
   */
  endRestsOfAnotherTime(db: Queryable, restMsMax: number): Promise<void>;
  /** Records the outcome, with an event for each fresh result, unless another attempt has begun since. */
  finish(tx: Tx, claimed: Claimed, attempted: Attempted): Promise<void>;
  forgetUser(tx: Tx, userId: string): Promise<void>;
};

/** After a day nobody wants to be informed any more. It also keeps a log that is read anew from being sent anew. */
const usefulMs = 86_400_000;

/** In each such slice of time an account is sent so many of what it causes itself as `causedByRecipient` says. */
const causedWithinMs = 900_000;

type NewRow = Omit<Notification, 'uselessAtMs'> & {
  id: string;
  status: 'pending' | 'skipped';
  results: readonly Result[];
  occurredAt: Date;
  uselessAt: Date;
  recordedAt: Date;
  isUrgent: boolean;
  correlationId: string;
  causationId: string | null;
  traceparent: string | null;
};

type CausedBound = (typeof causedByRecipient)[number];

const sliceStartMs = ({ occurredAt }: NewRow): number =>
  Math.floor(occurredAt.getTime() / causedWithinMs) * causedWithinMs;

/** An account and a slice of time, in which what it caused is counted together. */
const sliceOf = (row: NewRow): string => `${row.userId} ${sliceStartMs(row)}`;

/** How many within the bound are recorded in the slices of these rows, up to its `max` in each. */
const causedBefore = async (
  tx: Tx,
  rows: readonly NewRow[],
  { templates, max }: CausedBound,
): Promise<Map<string, number>> => {
  const slices = new Map(rows.map((row) => [sliceOf(row), row]));
  if (slices.size === 0) return new Map();
  const asked = [...slices].map(([slice, row]) => {
    const fromMs = sliceStartMs(row);
    return { slice, userId: row.userId, from: new Date(fromMs), to: new Date(fromMs + causedWithinMs) };
  });
  const { rows: counted } = await tx.query<{ slice: string; count: number }>(
    `SELECT slice, (SELECT count(*)::integer FROM (
         SELECT FROM notifications n WHERE n.user_id = asked."userId" AND n.occurred_at >= asked."from"
           AND n.occurred_at < asked."to" AND n.template = ANY ($2::text[]) LIMIT $3) AS before) AS count
     FROM jsonb_to_recordset($1::jsonb) AS asked(slice text, "userId" uuid, "from" timestamptz, "to" timestamptz)`,
    [JSON.stringify(asked), templates, max],
  );
  return new Map(counted.map(({ slice, count }) => [slice, count]));
};

/** The same rows; those that are too many for their account are skipped, for that reason. */
const withinBound = async (tx: Tx, rows: readonly NewRow[], bound: CausedBound): Promise<NewRow[]> => {
  const isCounted = ({ userId, template, status }: NewRow) =>
    userId !== null && status === 'pending' && bound.templates.includes(template);
  const counts = await causedBefore(tx, rows.filter(isCounted), bound);
  return rows.map((row): NewRow => {
    if (!isCounted(row)) return row;
    const slice = sliceOf(row);
    const count = counts.get(slice) ?? 0;
    counts.set(slice, count + 1);
    if (count < bound.max) return row;
    const [atMs, reason] = [row.recordedAt.getTime(), 'too_many'];
    const results = channelsOf(row.template).map(
      (channel): Result => ({ channel, target: 'none', status: 'skipped', reason, atMs }),
    );
    return { ...row, status: 'skipped', results };
  });
};

const withinBounds = async (tx: Tx, rows: readonly NewRow[]): Promise<readonly NewRow[]> => {
  let bounded = rows;
  for (const bound of causedByRecipient) bounded = await withinBound(tx, bounded, bound);
  return bounded;
};

/** Whether each is new. */
const recordAll: Batch<NewRow, boolean> = async (tx, rows) => {
  const { rows: fresh } = await tx.query<{ id: string }>(
    `INSERT INTO notifications (id, user_id, template, order_id, data, destination, secret, channels, status, results,
       is_urgent, occurred_at, recorded_at, next_attempt_at, useless_at, correlation_id, causation_id, traceparent)
     SELECT id, "userId", template, "orderId", data, destination, secret, channels, status, results, "isUrgent",
       "occurredAt", "recordedAt", "recordedAt", "uselessAt", "correlationId", "causationId", traceparent
     FROM jsonb_to_recordset($1::jsonb) AS notification(id uuid, "userId" uuid, template text, "orderId" uuid,
       data jsonb, destination jsonb, secret jsonb, channels text[], status text, results jsonb, "isUrgent" boolean,
       "occurredAt" timestamptz, "recordedAt" timestamptz, "uselessAt" timestamptz, "correlationId" text,
       "causationId" text, traceparent text)
     WHERE NOT EXISTS (SELECT FROM contacts erased WHERE erased.user_id = notification."userId" AND erased.version = $2)
     ON CONFLICT (id) DO NOTHING RETURNING id`,
    [JSON.stringify(await withinBounds(tx, rows)), versionLast],
  );
  const recorded = new Set(fresh.map(({ id }) => id));
  return rows.map(({ id }) => recorded.has(id));
};

type ClaimedRow = Omit<Claimed, 'contact' | 'preferences'> & {
  contact: Contact | null;
  off: (keyof Preferences)[] | null;
};

/** Whether each attempt is the last that was begun, so that its outcome counts. */
const finishAll: Batch<{ claimed: Claimed; attempted: Attempted }, boolean> = async (tx, finished) => {
  const { rows } = await tx.query<{ id: string }>(
    `UPDATE notifications n SET results = f.results, status = f.status, next_attempt_at = f."nextAttemptAt",
       destination = CASE WHEN f."nextAttemptAt" IS NULL THEN NULL ELSE destination END,
       secret = CASE WHEN f."nextAttemptAt" IS NULL THEN NULL ELSE secret END
     FROM jsonb_to_recordset($1::jsonb) AS f(id uuid, attempts integer, results jsonb, status text,
       "nextAttemptAt" timestamptz)
     WHERE n.id = f.id AND n.attempts = f.attempts AND n.status = 'pending' RETURNING n.id`,
    [
      JSON.stringify(
        finished.map(({ claimed: { id, attempts }, attempted }) => ({
          id,
          attempts,
          results: attempted.results,
          ...('status' in attempted
            ? { status: attempted.status, nextAttemptAt: null }
            : { status: 'pending', nextAttemptAt: new Date(attempted.retryAtMs) }),
        })),
      ),
    ],
  );
  const counted = new Set(rows.map(({ id }) => id));
  return finished.map(({ claimed }) => counted.has(claimed.id));
};

// Over seventy lines: a statement for each step of a notification.
export const createNotificationStore = (
  events: Pick<EventPublisher<Published>, 'event'>,
  clock: Clock,
): NotificationStore => ({
  record: (tx, id, { uselessAtMs, ...notification }, occurredAtMs) => {
    const nowMs = clock.nowMs();
    const endsMs = uselessAtMs ?? occurredAtMs + usefulMs;
    const isUseless = endsMs <= nowMs;
    const { secret, destination, ...lasting } = notification;
    return tx.gather(recordAll, {
      id,
      ...(isUseless ? lasting : notification),
      status: isUseless ? 'skipped' : 'pending',
      results: [],
      isUrgent: aboutOf(notification.template) === 'account',
      occurredAt: new Date(occurredAtMs),
      recordedAt: new Date(nowMs),
      uselessAt: new Date(endsMs),
      correlationId: currentCorrelation()?.correlationId ?? id,
      causationId: currentCorrelation()?.causationId ?? null,
      traceparent: currentTraceparent() ?? null,
    });
  },

  buyerOf: async (db, orderId) => {
    const { rows } = await db.query<{ userId: string }>(
      `SELECT user_id AS "userId" FROM notifications WHERE order_id = $1 AND user_id IS NOT NULL LIMIT 1`,
      [orderId],
    );
    return rows[0]?.userId ?? null;
  },

  history: async (db, { userId, status, after, rowsMax }) => {
    const values: unknown[] = [];
    const bind = (value: unknown) => `$${values.push(value)}`;
    // Some ids are hashes, which say nothing of the time.
    const { orderBy, behind } = keyset(['occurred_at', 'id'], {
      descending: true,
      after: after && [new Date(after.atMs), after.id],
      bind,
    });
    const conditions = [
      ...(userId === undefined ? [] : [`user_id = ${bind(userId)}`]),
      ...(status === undefined ? [] : [`status = ${bind(status)}`]),
      ...behind,
    ];
    const { rows } = await db.query<HistoryRow>(
      `SELECT id, user_id AS "userId", template, order_id AS "orderId", data, status, results,
         occurred_at AS "occurredAt"
       FROM notifications ${conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`}
       ORDER BY ${orderBy} LIMIT ${bind(rowsMax)}`,
      values,
    );
    return rows;
  },

  claim: async (db, { countMax, leaseMs }) => {
    const nowMs = clock.nowMs();
    // A refund may have been recorded before its order: from now on it belongs to the buyer, also for an erasure.
    const { rows } = await db.query<ClaimedRow>(
      `WITH claimed AS (
         UPDATE notifications one SET attempts = attempts + 1, next_attempt_at = $2,
           user_id = coalesce(user_id, (SELECT b.user_id FROM notifications b
                                        WHERE b.order_id = one.order_id AND b.user_id IS NOT NULL LIMIT 1))
         WHERE id IN (SELECT id FROM notifications WHERE status = 'pending' AND next_attempt_at <= $1
                      ORDER BY is_urgent DESC, next_attempt_at LIMIT $3 FOR UPDATE SKIP LOCKED)
         RETURNING *
       )
       SELECT n.id, n.template, n.order_id AS "orderId", n.user_id AS "userId", n.data, n.secret, n.channels, n.results,
         n.attempts, n.occurred_at AS "occurredAt", n.useless_at AS "uselessAt", n.correlation_id AS "correlationId",
         n.causation_id AS "causationId", n.traceparent,
         CASE
           WHEN n.destination IS NOT NULL THEN n.destination || '{"phone": null, "devices": []}'
           WHEN c.user_id IS NOT NULL
             THEN jsonb_build_object('email', c.email, 'name', c.name, 'phone', c.phone, 'devices', c.devices)
           WHEN g.order_id IS NOT NULL
             THEN jsonb_build_object('email', g.email, 'name', g.name, 'phone', NULL, 'devices', '[]'::jsonb)
         END AS contact, g.order_id IS NOT NULL AS "isGuest",
         p.switched_off AS off
       FROM claimed n
         LEFT JOIN contacts c ON c.user_id = n.user_id
         LEFT JOIN guest_contacts g ON n.user_id IS NULL AND g.order_id = n.order_id
         LEFT JOIN preferences p ON p.user_id = n.user_id`,
      [new Date(nowMs), new Date(nowMs + leaseMs), countMax],
    );
    return rows.map(({ off, contact, ...row }) => ({
      ...row,
      contact: contact ?? undefined,
      preferences: off === null ? everything : preferencesBut(off),
    }));
  },

  hold: async (db, claimed, leaseMs) => {
    await db.query(
      `UPDATE notifications n SET next_attempt_at = $3
       FROM unnest($1::uuid[], $2::integer[]) AS held(id, attempts)
       WHERE n.id = held.id AND n.attempts = held.attempts AND n.status = 'pending'`,
      [
        claimed.map(({ id }) => id),
        claimed.map(({ attempts }) => attempts),
        new Date(clock.nowMs() + leaseMs),
      ],
    );
  },

  endRestsOfAnotherTime: async (db, restMsMax) => {
    const nowMs = clock.nowMs();
    await db.query(
      `UPDATE notifications SET next_attempt_at = $1 WHERE status = 'pending' AND next_attempt_at > $2`,
      [new Date(nowMs), new Date(nowMs + restMsMax)],
    );
  },

  finish: async (tx, claimed, attempted) => {
    if (!(await tx.gather(finishAll, { claimed, attempted }))) return;
    const { id, userId, template } = claimed;
    const nowMs = clock.nowMs();
    const common = { notificationId: id, userId, template, occurredAt: nowMs };
    await append(
      tx,
      attempted.fresh.flatMap(({ channel, status, reason = '' }) => {
        if (status === 'skipped') return [];
        return status === 'sent'
          ? events.event('NotificationSent', id, { ...common, channel }, { occurredAt: nowMs })
          : events.event('NotificationFailed', id, { ...common, channel, reason }, { occurredAt: nowMs });
      }),
    );
  },

  forgetUser: async (tx, userId) => {
    await tx.query('DELETE FROM notifications WHERE user_id = $1', [userId]);
  },
});
