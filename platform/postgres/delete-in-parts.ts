/** More than are written between two rounds at any rate that one database bears. The rest waits for the next round. */
const statementsMax = 100;

export type Parts = {
  /** Of one statement, so that none takes long. */
  rowsMax: number;
  /** When aborted, no further statement begins. */
  stopping?: AbortSignal;
};

/**
 * Calls `deletePart` as long as it deletes as many rows as it may: one statement a round would fall behind a busy service
 * for ever. Returns how many rows were deleted.
 */
export const deleteInParts = async (
  { rowsMax, stopping }: Parts,
  deletePart: (rowsMax: number) => Promise<number>,
): Promise<number> => {
  let deleted = 0;
  for (let nth = 0; nth < statementsMax && stopping?.aborted !== true; nth += 1) {
    const rows = await deletePart(rowsMax);
    deleted += rows;
    if (rows < rowsMax) break;
  }
  return deleted;
};
