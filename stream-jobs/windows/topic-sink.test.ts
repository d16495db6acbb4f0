import { expect, it } from 'vitest';
import { avroType, encode } from '#platform/messaging/avro-codec';
import type { EventMessage } from '#platform/messaging/events';
import { outboxValueBytesMax } from '#platform/outbox/outbox';
import type { Tx } from '#platform/postgres/transaction';
import type { WritingSink } from '#platform/streams/topology';
import { takeLoggedErrors } from '#platform/testing/logged-errors';
import { testHost } from '#platform/testing/test-host';
import { records } from '#schemas/events';
import type { ProductPerformanceRow } from './product-performance.js';
import { type Publisher, topicSink } from './topic-sink.js';

const publisher = {
  event: (type: 'ProductPerformance', key: string, value: unknown): EventMessage => ({
    topic: records[type].topic,
    key,
    value: encode(1, avroType(records[type].schema), value),
    headers: {},
  }),
} as unknown as Publisher;

const row: ProductPerformanceRow = {
  ...{ product_id: 'lamp', currency: 'EUR', from_at: 0, views: 1, adds: 0, removes: 0, lines: 1, units: 1 },
  ...{ gross_minor: 100, returned_units: 0, refunded_minor: 0, lowest_price_minor: 100 },
  ...{ highest_price_minor: 100, occurred_at: 1 },
};

const written = async (sink: WritingSink<ProductPerformanceRow>, rows: readonly ProductPerformanceRow[]) => {
  const keys: string[] = [];
  const tx = {
    gather: async (_: unknown, messages: readonly EventMessage[]) => {
      keys.push(...messages.map(({ key }) => key));
    },
  } as unknown as Tx;
  await sink.write(
    tx,
    rows.map((each, nth) => ({ id: `row-${nth}`, row: each })),
  );
  return keys;
};

it.each([
  ['whose sum of pieces exceeds its field', { units: 2 ** 32 - 2 }],
  ['whose sum of money exceeds its field', { gross_minor: 2 * Number.MAX_SAFE_INTEGER }],
  ['that is larger than a message', { product_id: 'x'.repeat(outboxValueBytesMax) }],
  ['with a NUL in its key', { product_id: 'a\0b' }],
])('a row %s is left out and counted, and those beside it are written', async (_, odd) => {
  const host = testHost('windows');
  const sink = topicSink({ publisher, ...host }, 'ProductPerformance', ({ product_id: id }) => id);
  expect(await written(sink, [row, { ...row, ...odd }, { ...row, product_id: 'cup' }])).toEqual([
    'lamp',
    'cup',
  ]);
  expect(takeLoggedErrors()).toMatchObject([{ eventId: 'row-1' }]);
  expect(await host.metrics.render()).toContain('stream_rows_unwritable_total{type="ProductPerformance"} 1');
});
