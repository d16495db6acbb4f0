import { describe, expect, it } from 'vitest';
import { batchesOf, type ImportBatch, writtenAhead } from './import-batches.js';
import type { ImportLine } from './import-lines.js';

const lines = async function* (count: number, breaksOff = false): AsyncGenerator<ImportLine> {
  for (let number = 1; number <= count; number += 1)
    yield { number, bytes: Buffer.from(JSON.stringify({ name: `Lamp ${number}` })) };
  if (breaksOff) throw new Error('the body broke off');
};
const batches = async (from: AsyncIterable<ImportLine>): Promise<ImportBatch[]> => {
  const all: ImportBatch[] = [];
  for await (const batch of batchesOf(from, undefined)) all.push(batch);
  return all;
};

describe('the batches of an import', () => {
  it('follow one another, and are the same for the same lines', async () => {
    const all = await batches(lines(2400));
    expect(all.map(({ after, last }) => [after, last])).toEqual([
      [0, 1000],
      [1000, 2000],
      [2000, 2400],
    ]);
    expect((await batches(lines(2000))).at(-1)?.digest).toEqual(all[1]?.digest);
    expect((await batches(lines(1999))).at(-1)?.digest).not.toEqual(all[1]?.digest);
  });

  it('are all reported when they were written, also where the body breaks off or a later one fails', async () => {
    const written: number[] = [];
    const reported: number[] = [];
    const run = async (failsAt: number) => {
      written.length = reported.length = 0;
      const write = async ({ last }: ImportBatch): Promise<void> => {
        if (last === failsAt) throw new Error('the write failed');
        written.push(last);
      };
      for await (const { last } of writtenAhead(batchesOf(lines(4100, true), undefined), write))
        reported.push(last);
    };
    await expect(run(Number.NaN)).rejects.toThrow('the body broke off');
    expect(written).toEqual([1000, 2000, 3000, 4000]);
    expect(reported).toEqual(written);
    await expect(run(3000)).rejects.toThrow('the write failed');
    expect(written).toEqual([1000, 2000]);
    expect(reported).toEqual(written);
  });
});
