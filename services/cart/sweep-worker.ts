import { deleteInParts } from '#platform/postgres/delete-in-parts';
import type { Database } from '#platform/postgres/pool';
import type { Component, Host } from '#platform/service-host';
import { createPeriodicWork } from '#platform/waiting/periodic-work';
import { takingsKeptMs } from './order-takings-store.js';

export type Sweep = Component & {
  /** Deletes what nobody needs any more and returns how many carts. `start` calls it every `everyMs`. */
  sweep(): Promise<number>;
};

const rowsPerStatementMax = 1000;
/** Much longer than an access token is good. */
const erasedKeptMs = 86_400_000;

/** Deletes carts whose owner has not come for long, and what orders can no longer give back. */
export const createSweep = (
  { clock, logger, stopping }: Pick<Host, 'clock' | 'logger' | 'stopping'>,
  db: Database,
  { guestKeptMs, userKeptMs, everyMs }: { guestKeptMs: number; userKeptMs: number; everyMs: number },
): Sweep => {
  const before = (keptMs: number): Date => new Date(clock.nowMs() - keptMs);

  const deleteAll = (table: string, condition: string, values: readonly Date[]): Promise<number> =>
    deleteInParts({ rowsMax: rowsPerStatementMax, stopping }, async (rowsMax) => {
      const { rowCount } = await db.query(
        `DELETE FROM ${table} WHERE ctid = ANY (ARRAY(
           SELECT ctid FROM ${table} WHERE ${condition} LIMIT ${rowsMax} FOR UPDATE SKIP LOCKED))`,
        values,
      );
      return rowCount ?? 0;
    });

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
