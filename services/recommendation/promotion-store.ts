import type { Clock } from '#platform/clock';
import { newId } from '#platform/ids';
import type { EventPublisher } from '#platform/messaging/events';
import { append } from '#platform/outbox/outbox';
import type { Queryable } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';
import { firstSet } from '#recommenders/parameter-sets';
import type { EventMap, EventType } from '#schemas/events';

export const publishes = ['ModelPromoted'] as const satisfies readonly EventType[];
type Published = Pick<EventMap, (typeof publishes)[number]>;

export type Promotion = {
  number: number;
  id: string;
  model: string;
  previous: string;
  evidence: unknown;
  reason: string;
  promotedBy: string | null;
  promotedAt: Date;
};

export type PromotionStore = {
  /** The set that is live, and the number of its promotion; 0 before the first. */
  live(db: Queryable): Promise<{ model: string; number: number }>;
  /** Until the transaction ends, nobody else promotes. */
  lockLive(tx: Tx): Promise<{ model: string; number: number }>;
  /** True if the set was live once, and so may be again without evidence. */
  wasLive(db: Queryable, model: string): Promise<boolean>;
  /** Newest first. */
  list(db: Queryable, rowsMax: number): Promise<Promotion[]>;
  /** Follows `live`, which `lockLive` has returned; appends the event. */
  promote(
    tx: Tx,
    live: { model: string; number: number },
    to: Pick<Promotion, 'model' | 'evidence' | 'reason' | 'promotedBy'>,
  ): Promise<Promotion>;
};

const columns = `number, id, model, previous, evidence, reason, promoted_by AS "promotedBy", promoted_at AS "promotedAt"`;

export const createPromotionStore = ({
  events,
  clock,
}: {
  events: Pick<EventPublisher<Published>, 'event'>;
  clock: Clock;
}): PromotionStore => ({
  live: liveOf,

  lockLive: async (tx) => {
    await tx.query("SELECT pg_advisory_xact_lock(hashtextextended('model_promotions', 0))");
    return liveOf(tx);
  },

  wasLive: async (db, model) => {
    if (model === firstSet) return true;
    const { rows } = await db.query('SELECT 1 FROM model_promotions WHERE model = $1 LIMIT 1', [model]);
    return rows.length > 0;
  },

  list: async (db, rowsMax) =>
    (
      await db.query<Promotion>(`SELECT ${columns} FROM model_promotions ORDER BY number DESC LIMIT $1`, [
        rowsMax,
      ])
    ).rows,

  promote: async (tx, live, { model, evidence, reason, promotedBy }) => {
    const occurredAt = clock.nowMs();
    const id = newId(clock);
    const json = JSON.stringify(evidence);
    const number = live.number + 1;
    const { rows } = await tx.query<Promotion>(
      `INSERT INTO model_promotions (number, id, model, previous, evidence, reason, promoted_by, promoted_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING ${columns}`,
      [number, id, model, live.model, json, reason, promotedBy, new Date(occurredAt)],
    );
    const { previous } = rows[0] as Promotion;
    const value = {
      promotionId: id,
      number,
      model,
      previous,
      evidence: json,
      reason,
      promotedBy,
      occurredAt,
    };
    await append(tx, [events.event('ModelPromoted', promotionsKey, value, { occurredAt })]);
    return rows[0] as Promotion;
  },
});

/** One key for all, so that they stay in order. */
const promotionsKey = 'recommendations.liveModel';

const liveOf = async (db: Queryable): Promise<{ model: string; number: number }> => {
  const { rows } = await db.query<{ model: string; number: number }>(
    'SELECT model, number FROM model_promotions ORDER BY number DESC LIMIT 1',
  );
  return rows[0] ?? { model: firstSet, number: 0 };
};
