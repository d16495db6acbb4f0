import { describe, expect, it } from 'vitest';
import { newId } from '#platform/ids';
import { avroType, encode } from '#platform/messaging/avro-codec';
import { type OrderCancelled, type OrderPlaced, records } from '#schemas/events';
import { payloadBytesMax } from './event-rows.js';
import { lamp } from './testing/ingest-rig.js';
import { comesTrue, setUp } from './testing/set-up.js';

type Setting = Awaited<ReturnType<typeof setUp>>;

const tables = ['products', 'domain_events'];

const placed = (changes: Partial<OrderPlaced> = {}): OrderPlaced => ({
  orderId: newId(),
  version: 1,
  userId: null,
  visitId: null,
  cartId: null,
  cartProof: null,
  lines: [{ productId: 'product-1', name: 'Lämp', category: 'home', quantity: 2, unitPriceMinor: 999 }],
  totalMinor: 1_998,
  currency: 'EUR',
  paymentMethod: 'card',
  paymentToken: '',
  shippingCountry: 'DE',
  occurredAt: 1_790_000_000_123,
  ...changes,
});

const cancelled = (): OrderCancelled => ({
  orderId: newId(),
  version: 2,
  userId: null,
  reason: 'out_of_stock',
  occurredAt: 1_790_000_000_456,
});

/** Sends order events as an outbox relay does. */
const openOrders = async ({ rig }: Setting) => {
  const schemaIdOf = async ({ schema }: { schema: object }, name: string) =>
    rig.registry.register(`${rig.topic.orders}-${name}`, schema);
  const ids = {
    OrderPlaced: await schemaIdOf(records.OrderPlaced, 'placed'),
    OrderCancelled: await schemaIdOf(records.OrderCancelled, 'cancelled'),
  };
  return async (
    type: keyof typeof ids,
    value: OrderPlaced | OrderCancelled,
    { partition, eventId }: { partition: number; eventId: string },
  ) => {
    await rig.producer.send([
      {
        topic: rig.topic.orders,
        key: value.orderId,
        partition,
        value: encode(ids[type], avroType(records[type].schema), value),
        headers: {
          'event-id': eventId,
          'correlation-id': `correlation of ${eventId}`,
          'causation-id': 'cause',
          'occurred-at': String(value.occurredAt),
        },
      },
    ]);
  };
};

const distinct = async ({ rig }: Setting) => {
  const [row] = await rig.clickhouse.query<{ rows: number; places: number; events: number }>(
    `SELECT count() AS rows, uniqExact(topic, kafka_partition, kafka_offset) AS places,
       uniqExact(event_id) AS events FROM domain_events`,
  );
  return row;
};

describe.concurrent('domain_events', { timeout: 120_000 }, () => {
  it('has every event of its topics with its envelope, whatever its type, beside the tables of their own', async (context) => {
    const setting = await setUp(context, { topics: ['orders', 'products'] });
    const { rig, start, rowsBecome } = setting;
    const send = await openOrders(setting);
    const order = placed({ visitId: newId() });
    const end = cancelled();
    await send('OrderPlaced', order, { partition: 0, eventId: 'a' });
    await send('OrderCancelled', end, { partition: 1, eventId: 'b' });
    const atMs = 1_790_000_000_000;
    const product = { ...lamp, priceMinor: 999, tags: ['oak'], createdAt: atMs, occurredAt: atMs };
    await rig.send(rig.topic.products, [rig.product(product), null], 1);
    await start({ tables });
    await rowsBecome('domain_events', 3);
    await rowsBecome('products', 1);
    const rows = await rig.clickhouse.query<Record<string, unknown> & { payload: string }>(
      'SELECT * FROM domain_events ORDER BY topic, kafka_partition, kafka_offset',
    );
    const envelope = { kafka_offset: 0, causation_id: 'cause', topic: rig.topic.orders };
    expect(rows.map(({ payload, payload_bytes, ...row }) => row).slice(0, 2)).toEqual([
      {
        ...envelope,
        kafka_partition: 0,
        event_id: 'a',
        key: order.orderId,
        type: 'OrderPlaced',
        occurred_at: '2026-09-21 14:13:20.123',
        correlation_id: 'correlation of a',
      },
      {
        ...envelope,
        kafka_partition: 1,
        event_id: 'b',
        key: end.orderId,
        type: 'OrderCancelled',
        occurred_at: '2026-09-21 14:13:20.456',
        correlation_id: 'correlation of b',
      },
    ]);
    expect(rows.map(({ payload }) => JSON.parse(payload))).toEqual([
      order,
      end,
      expect.objectContaining(product),
    ]);
    expect(rows.map((row) => row.payload_bytes)).toEqual(rows.map((row) => Buffer.byteLength(row.payload)));
    expect(
      await rig.clickhouse.query(
        `SELECT event_id, order_key = sipHash64({orderId:String}) AND visit_key = sipHash64({visitId:String}) AS isBoth
         FROM domain_events WHERE visit_key != 0 OR order_key != 0`,
        { orderId: order.orderId, visitId: order.visitId },
      ),
    ).toEqual([{ event_id: 'a', isBoth: 1 }]);
    // One insert for both topics and all partitions.
    const blocks = await rig.clickhouse.query<{ gathered: string }>(
      "SELECT DISTINCT gathered FROM ingest_blocks WHERE topic LIKE 'domain_events/%'",
    );
    expect(blocks).toHaveLength(1);
  });

  it('has an event once that a relay has sent again, also across a restart', async (context) => {
    const setting = await setUp(context, { topics: ['orders', 'products'] });
    const { rig, start, rowsBecome, committedBecomes } = setting;
    const send = await openOrders(setting);
    for (const eventId of ['a', 'b', 'a']) await send('OrderPlaced', placed(), { partition: 0, eventId });
    const first = await start({ tables });
    await committedBecomes(rig.topic.orders, 3n);
    expect(await rig.count('domain_events')).toBe(2);
    await first.stop();
    for (const eventId of ['b', 'c']) await send('OrderPlaced', placed(), { partition: 0, eventId });
    await start({ tables });
    await rowsBecome('domain_events', 3);
    await committedBecomes(rig.topic.orders, 5n);
    expect(await distinct(setting)).toEqual({ rows: 3, places: 3, events: 3 });
  });

  it.for(['before', 'after'])(
    'has every event once where the process died %s inserting',
    async (when, context) => {
      const setting = await setUp(context, { topics: ['orders', 'products'] });
      const { rig, start, rowsBecome, committedBecomes } = setting;
      const send = await openOrders(setting);
      const sendSome = async (round: string) => {
        for (const partition of [0, 1])
          for (const nth of [0, 1, 2])
            await send('OrderPlaced', placed(), { partition, eventId: `${round}-${partition}-${nth}` });
      };
      await sendSome('first');
      let died = false;
      const first = await start({
        tables,
        insertBlock: async (block, insert) => {
          if (when === 'after') await insert(block);
          died = true;
          await new Promise(() => {});
        },
      });
      await comesTrue(() => expect(died).toBe(true));
      // It abandons its insert, as a dead process does, and only then are the successor's seconds counted.
      await first.stop();
      await sendSome('second');
      await start({ tables });
      await rowsBecome('domain_events', 12);
      await committedBecomes(rig.topic.orders, 6n);
      expect(await distinct(setting)).toEqual({ rows: 12, places: 12, events: 12 });
    },
  );

  it('reads everything again when the table was emptied, and keeps no payload beyond its bound', async (context) => {
    const setting = await setUp(context, { topics: ['orders', 'products'] });
    const { rig, start, rowsBecome, committedBecomes } = setting;
    const send = await openOrders(setting);
    const large = placed({ paymentMethod: 'x'.repeat(payloadBytesMax) });
    await send('OrderPlaced', placed(), { partition: 0, eventId: 'a' });
    await send('OrderPlaced', large, { partition: 0, eventId: 'b' });
    const first = await start({ tables });
    await committedBecomes(rig.topic.orders, 2n);
    await first.stop();
    for (const table of ['domain_events', 'ingest_blocks', 'ingest_owners'])
      await rig.clickhouse.command(`TRUNCATE TABLE ${table}`);
    await start({ tables });
    await rowsBecome('domain_events', 2);
    const rows = await rig.clickhouse.query(
      'SELECT length(payload) AS kept, payload_bytes AS bytes FROM domain_events ORDER BY kafka_offset',
    );
    const bytes = Buffer.byteLength(JSON.stringify(large));
    expect(rows[1]).toEqual({ kept: 2, bytes });
  });

  it('parks what is no event, or one that means nothing, with its cause, and takes in what is around it', async (context) => {
    const setting = await setUp(context, { topics: ['orders', 'products'] });
    const { rig, start, rowsBecome } = setting;
    const send = await openOrders(setting);
    await send('OrderPlaced', placed(), { partition: 0, eventId: 'a' });
    await rig.send(rig.topic.orders, [Buffer.from('no event')], 0);
    await send('OrderPlaced', placed({ totalMinor: -500 }), { partition: 0, eventId: 'c' });
    await send('OrderPlaced', placed(), { partition: 0, eventId: 'b' });
    await start({ tables });
    await rowsBecome('domain_events', 2);
    const letters = await rig.deadLetters(rig.topic.orders, 2);
    expect(letters[0]?.value).toEqual(Buffer.from('no event'));
    expect(letters[1]?.headers).toMatchObject({
      'event-id': 'c',
      'dead-letter-reason': 'datum_meaningless',
      'dead-letter-message': 'totalMinor is -500, which is not between 0 and 9007199254740991',
    });
    expect(await distinct(setting)).toEqual({ rows: 2, places: 2, events: 2 });
  });
});
