import type { Database } from '#platform/postgres/pool';
import type { Component, Host } from '#platform/service-host';
import { createPeriodicWork } from '#platform/waiting/periodic-work';
import { takingsKeptMs } from './order-takings-store.js';

export type Sweep = Component & {
  /** Deletes what nobody needs any more and returns how many carts. `start` calls it every `everyMs`. */
  sweep(): Promise<number>;
};

const rowsPerStatementMax = 1000;
const statementsMax = 100;
/** Much longer than an access token is good. */
const erasedKeptMs = 86_400_000;

/** Deletes carts whose owner has not come for long, and what orders can no longer give back. */
export const createSweep = (
  { clock, logger }: Pick<Host, 'clock' | 'logger'>,
  db: Database,
  { guestKeptMs, userKeptMs, everyMs }: { guestKeptMs: number; userKeptMs: number; everyMs: number },
): Sweep => {
  const before = (keptMs: number): Date => new Date(clock.nowMs() - keptMs);

  const deleteAll = async (table: string, condition: string, values: readonly Date[]): Promise<number> => {
    let deleted = 0;
    for (let nth = 0; nth < statementsMax; nth += 1) {
      const { rowCount } = await db.query(
        `DELETE FROM ${table} WHERE ctid = ANY (ARRAY(
           SELECT ctid FROM ${table} WHERE ${condition} LIMIT ${rowsPerStatementMax} FOR UPDATE SKIP LOCKED))`,
        values,
      );
      deleted += rowCount ?? 0;
      if ((rowCount ?? 0) < rowsPerStatementMax) break;
    }
    return deleted;
  };

  const sweep = async (): Promise<number> => {
    await deleteAll('order_takings', 'taken_at < $1', [before(takingsKeptMs)]);
    await deleteAll('erased_users', 'erased_at < $1', [before(erasedKeptMs)]);
    return deleteAll('carts', 'seen_at < $2 OR (seen_at < $1 AND user_id IS NULL)', [
      before(guestKeptMs),
      before(userKeptMs),
    ]);
  };

  const sweeping = createPeriodicWork({
    name: 'sweep',
    everyMs,
    work: async () => {
      const carts = await sweep();
      if (carts > 0) logger.info({ carts }, 'abandoned carts deleted');
    },
    onFailure: (error) => logger.warn({ err: error }, 'sweep failed'),
  });
  return { ...sweeping, sweep };
};
