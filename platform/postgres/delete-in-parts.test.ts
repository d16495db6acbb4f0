import { expect, test } from 'vitest';
import { deleteInParts } from '#platform/postgres/delete-in-parts';

const rowsMax = 10;

/** A table of so many rows to delete, and how many each statement deleted. */
const tableOf = (rows: number) => {
  let left = rows;
  const statements: number[] = [];
  const deletePart = async (max: number): Promise<number> => {
    const deleted = Math.min(max, left);
    left -= deleted;
    statements.push(deleted);
    return deleted;
  };
  return { deletePart, statements };
};

test('goes on until a statement deletes fewer rows than it may', async () => {
  const { deletePart, statements } = tableOf(25);
  expect(await deleteInParts({ rowsMax }, deletePart)).toBe(25);
  expect(statements).toEqual([10, 10, 5]);
});

test('leaves the rest of a very large table to the next round', async () => {
  const { deletePart, statements } = tableOf(Number.POSITIVE_INFINITY);
  expect(await deleteInParts({ rowsMax }, deletePart)).toBe(1_000);
  expect(statements).toHaveLength(100);
});

test('begins no statement once the service stops', async () => {
  const { deletePart, statements } = tableOf(100);
  const stopping = new AbortController();
  const deleted = await deleteInParts({ rowsMax, stopping: stopping.signal }, (max) => {
    if (statements.length === 1) stopping.abort();
    return deletePart(max);
  });
  expect([deleted, statements]).toEqual([20, [10, 10]]);
});
