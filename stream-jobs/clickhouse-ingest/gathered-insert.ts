import { newId } from '#platform/ids';
import { gatheredToken } from './block-claims.js';
import { type ClosedBlock, claimOnce, finishBlock, insertBlock, parkPoison } from './block-insert.js';
import { type NativeRows, nativeBody } from './native-rows.js';
import { hasMoved } from './partition-moved.js';

/**
 * Inserts blocks of several partitions of one table with one insert for each schema, so that a table gets one part where it
 * would get one for each partition. Each element of the answer resolves or rejects as `insertBlock` does for its block.
 *
 * All blocks are inserted under one token, which each block's claim names. It is tried once. Wherever there is a doubt
 * whether the rows are in the table (a failure, or a partition that has moved), each block goes on by itself from its
 * claim, as a new owner of its partition does: it inserts its rows alone under the token that all of them have. ClickHouse
 * takes what comes first under a token and drops whatever follows, so from then on nobody's insert under this token, not
 * even one that is still on its way, can have an effect. Then the table is looked at: a block whose rows are missing is
 * claimed and inserted under a token of its own, and the partition's sums are corrected.
 *
 * A new owner of one partition may do so while we insert, and then our rows of the other partitions are dropped without a
 * failure. It has written its epoch before; so we look at the epochs once more after the insert.
 */
export const insertTogether = (together: readonly ClosedBlock[]): Promise<number>[] => {
  const gathered = newId();
  for (const { work } of together) work.claim = { ...work.claim, gathered };
  const trying = tryOnce(together, gathered);
  return together.map(async (closed) => {
    const insertMs = await trying;
    if (insertMs === null) return insertBlock(inDoubt(closed));
    await finishBlock(closed, { insertMs, gathered: together.length });
    return insertMs;
  });
};

const inDoubt = (closed: ClosedBlock): ClosedBlock => {
  closed.work.isDoubtful = true;
  closed.work.isLookedFor = true;
  return closed;
};

/** The duration of the insert; null if it is not certain that all rows are in the table. */
const tryOnce = async (together: readonly ClosedBlock[], gathered: string): Promise<number | null> => {
  const [first] = together;
  if (first === undefined) return null;
  const { clock, logger } = first.context;
  try {
    for (const { context } of together) context.pipeline.assertOurs();
    // All of them are awaited, because each has to be known as claimed or not before it goes on by itself.
    const claims = await Promise.allSettled(together.map(claimOnce));
    for (const claim of claims) if (claim.status === 'rejected') throw claim.reason;
    // The back-fill that replaced the table may have inserted those of the blocks whose claims it saw.
    if (claims.some((claim) => claim.status === 'fulfilled' && claim.value)) return null;
    await Promise.all(together.map(parkPoison));
    const startedAtMs = clock.monotonicMs();
    await insertBySchema(together, gathered);
    const insertMs = clock.monotonicMs() - startedAtMs;
    const ours = await Promise.all(together.map(({ context }) => context.ownership.isOurs()));
    return ours.every(Boolean) ? insertMs : null;
  } catch (error) {
    if (!hasMoved(error)) logger.warn({ err: error, gathered }, 'blocks go on one by one');
    return null;
  }
};

const insertBySchema = async (together: readonly ClosedBlock[], gathered: string): Promise<void> => {
  const [first] = together;
  if (first === undefined) return;
  const { clickhouse, inFlight, feed } = first.context;
  const bySchema = new Map<number, NativeRows[]>();
  for (const { work } of together)
    for (const { schemaId, rows } of work.parts)
      bySchema.set(schemaId, [...(bySchema.get(schemaId) ?? []), rows]);
  for (const [schemaId, rows] of bySchema)
    await inFlight.insert(() =>
      clickhouse.insert({
        table: feed.table,
        format: 'Native',
        data: nativeBody(rows),
        rows: rows.reduce((sum, each) => sum + each.rows, 0),
        deduplicationToken: gatheredToken(gathered, schemaId),
      }),
    );
};
