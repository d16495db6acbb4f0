import type { RelayQuery } from '#platform/outbox/relay-session';

const lockTimeout = '55P03';

const rotateRowsMinDefault = 10_000;
const rotateAfterMsDefault = 10 * 60_000;

export type Rotation = {
  /** Rotates when enough rows were sent, of which `sent` since the last call, or the last rotation is long ago. */
  rotateIfDue(sent: number): Promise<void>;
};

/** A row is deleted by the second rotation after it was sent. */
export const openRotation = async (
  query: RelayQuery,
  options: { rotateRowsMin?: number; rotateAfterMs?: number },
): Promise<Rotation> => {
  const { rotateRowsMin = rotateRowsMinDefault, rotateAfterMs = rotateAfterMsDefault } = options;
  let sentSince = await countRows(query);
  let rotatedAtMs = performance.now();
  return {
    rotateIfDue: async (sent) => {
      sentSince += sent;
      const isOld = performance.now() - rotatedAtMs >= rotateAfterMs;
      if (sentSince < rotateRowsMin && !isOld) return;
      const isEmpty = isOld && (await countRows(query)) === 0;
      if (!isEmpty && !(await rotate(query))) return;
      sentSince = 0;
      rotatedAtMs = performance.now();
    },
  };
};

/** Rows in both tables, sent or not. */
const countRows = async (query: RelayQuery): Promise<number> => {
  const [row] = await query<{ rows: number }>('SELECT count(*)::int AS rows FROM outbox');
  return row?.rows ?? 0;
};

/**
 * Empties the inactive table and makes it the active one. False when that has to wait, because an append that began
 * before the last rotation may still write to the inactive table. A lock excludes such appends during the final check.
 */
const rotate = async (query: RelayQuery): Promise<boolean> => {
  try {
    await query("BEGIN; SET LOCAL lock_timeout = '100ms'");
    const [active] = await query<{ name: string }>('SELECT name FROM outbox_active');
    const idle = active?.name === 'a' ? 'b' : 'a';
    await query(`LOCK TABLE outbox_${idle} IN ACCESS EXCLUSIVE MODE`);
    const left = await query(
      `SELECT FROM outbox_${idle} o, outbox_position p WHERE NOT pg_visible_in_snapshot(o.xid, p.done) LIMIT 1`,
    );
    if (left.length > 0) {
      await query('ROLLBACK');
      return false;
    }
    await query(`TRUNCATE outbox_${idle}`);
    await query('UPDATE outbox_active SET name = $1', [idle]);
    await query('COMMIT');
    return true;
  } catch (error) {
    await query('ROLLBACK');
    if ((error as { cause?: { code?: string } }).cause?.code === lockTimeout) return false;
    throw error;
  }
};
