import avro from 'avsc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { avroType } from '#platform/messaging/avro-codec';
import { records } from '#schemas/events';
import { columnName, createAvroFile, fileHeader } from './avro-file.js';

const schema = records.Sale.schema;
const type = avroType(schema);

const sale = (event_id: string) => ({
  event_id,
  order_id: 'o',
  line: 0,
  product_id: 'p',
  category: 'home',
  user_id: null,
  quantity: 1,
  amount_minor: 100,
  currency: 'EUR',
  kind: 'sale',
  occurred_at: 1_790_000_000_000,
});

/** Reads a container file with avsc, which is independent of our writer. */
const readContainer = async (file: Buffer): Promise<Record<string, unknown>[]> => {
  const rows: Record<string, unknown>[] = [];
  const decoder = new avro.streams.BlockDecoder();
  const done = new Promise<void>((resolve, reject) => {
    decoder.on('data', (row: Record<string, unknown>) => rows.push(row));
    decoder.on('end', resolve);
    decoder.on('error', reject);
  });
  decoder.end(file);
  await done;
  return rows;
};

describe('a file of datums', () => {
  it('is an Avro file of the untouched datums, each behind its coordinates', async () => {
    const block = createAvroFile(fileHeader(schema), 300);
    const offsets = [0, 63, 64, 1_073_741_823, 1_073_741_824, 2 ** 40 + 1, 4_503_599_627_370_495];
    for (const offset of offsets) {
      const message = Buffer.concat([
        Buffer.from('xx'),
        type.toBuffer(sale(`event-${offset}`)),
        Buffer.from('y'),
      ]);
      block.append(offset, message, 2, message.length - 1);
    }
    expect(block.rows).toBe(offsets.length);
    expect(await readContainer(block.seal())).toEqual(
      offsets.map((offset) => ({ kafka_partition: 300, kafka_offset: offset, ...sale(`event-${offset}`) })),
    );
  });

  it('grows to whatever is put into it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ maxLength: 5_000 }), { minLength: 1, maxLength: 60 }),
        async (ids) => {
          const block = createAvroFile(fileHeader(schema), 1);
          for (const [at, id] of ids.entries()) {
            const datum = type.toBuffer(sale(id));
            block.append(at, datum, 0, datum.length);
          }
          expect((await readContainer(block.seal())).map((row) => row.event_id)).toEqual(ids);
        },
      ),
      { numRuns: 20 },
    );
  });

  it('calls its fields as the columns are called', () => {
    expect(columnName('priceMinor')).toBe('price_minor');
    expect(columnName('event_id')).toBe('event_id');
  });
});
