import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { PlatformError } from '#platform/errors';
import { newId } from '#platform/ids';
import { avroType, encode } from '#platform/messaging/avro-codec';
import type { RawHeader } from '#platform/messaging/broker';
import { sleep } from '#platform/waiting/sleep';
import { records } from '#schemas/events';
import { comesTrue, setUp } from './testing/set-up.js';

describe.concurrent('clickhouse-ingest', { timeout: 120_000 }, () => {
  it('puts every field of a record into its column, with the coordinates it came from', async (context) => {
    const { rig, start, rowsBecome } = await setUp(context);
    await rig.send(
      rig.topic.shopperActivity,
      [
        rig.activity({
          event_id: 'a',
          type: 'products_searched',
          query: 'lämp',
          occurred_at: 1_790_000_000_123,
          results: 24,
          device: 'mobile',
        }),
        rig.activity({
          event_id: 'b',
          user_id: 'u',
          position: 3,
          product_id: null,
          occurred_at: 1_790_000_000_124,
        }),
      ],
      1,
    );
    await start();
    await rowsBecome('shopper_activity', 2);
    expect(await rig.clickhouse.query('SELECT * FROM shopper_activity ORDER BY kafka_offset')).toEqual([
      {
        kafka_partition: 1,
        kafka_offset: 0,
        event_id: 'a',
        type: 'products_searched',
        visit_id: 'visit-1',
        user_id: null,
        product_id: 'product-1',
        query: 'lämp',
        position: null,
        recommendation_id: null,
        occurred_at: '2026-09-21 14:13:20.123',
        results: 24,
        device: 'mobile',
      },
      expect.objectContaining({
        kafka_offset: 1,
        event_id: 'b',
        user_id: 'u',
        position: 3,
        product_id: null,
        results: null,
        device: null,
      }),
    ]);
  });

  it('stores beside each other what writers of two versions of a schema wrote', async (context) => {
    const { rig, start, rowsBecome } = await setUp(context);
    const history = JSON.parse(await readFile('schemas/history.json', 'utf8'));
    const [first] = history['cartstream.shopper_activity.ShopperActivity'];
    const schemaId = await rig.registry.register(`${rig.topic.shopperActivity}-value`, first);
    const ofBefore = (event_id: string): Buffer =>
      encode(schemaId, avroType(first), {
        ...{ event_id, type: 'products_searched', visit_id: 'v', user_id: null, product_id: null },
        ...{ query: 'lamp', position: null, recommendation_id: null, occurred_at: 1_790_000_000_123 },
      });
    const search = { type: 'products_searched', query: 'lamp' };
    const events = [
      ofBefore('a'),
      rig.activity({ ...search, event_id: 'b', results: 0 }),
      ofBefore('c'),
      rig.activity({ ...search, event_id: 'd', results: 2_000_000 }),
    ];
    await rig.send(rig.topic.shopperActivity, events, 0);
    await start();
    await rowsBecome('shopper_activity', 4);
    expect(
      await rig.clickhouse.query('SELECT event_id, results FROM shopper_activity ORDER BY kafka_offset'),
    ).toEqual([
      { event_id: 'a', results: null },
      { event_id: 'b', results: 0 },
      { event_id: 'c', results: null },
      { event_id: 'd', results: 2_000_000 },
    ]);
  });

  it('sums sales per product and minute, hour and day while it inserts them', async (context) => {
    const { rig, start, rowsBecome } = await setUp(context);
    const orderId = newId();
    const at = 1_790_000_000_000;
    await rig.send(rig.topic.sales, [
      rig.sale({ order_id: orderId, line: 0, quantity: 2, amount_minor: 200, occurred_at: at }),
      rig.sale({
        order_id: orderId,
        line: 1,
        product_id: 'product-2',
        quantity: 1,
        amount_minor: 50,
        occurred_at: at,
      }),
      rig.sale({
        order_id: orderId,
        line: 0,
        quantity: -1,
        amount_minor: -100,
        kind: 'refund',
        occurred_at: at,
      }),
    ]);
    await start();
    await rowsBecome('sales', 3);
    // A row is seen in its table some milliseconds before it is in the rollups.
    for (const unit of ['minute', 'hour', 'day'])
      await comesTrue(async () =>
        expect(
          await rig.clickhouse.query(
            `SELECT product_id, sum(orders) AS orders, sum(lines) AS lines, sum(units) AS units, sum(gross) AS gross,
             sum(refunds) AS refunds, sum(net) AS net FROM sales_per_${unit} GROUP BY product_id ORDER BY product_id`,
          ),
        ).toEqual([
          { product_id: 'product-1', orders: 1, lines: 1, units: 1, gross: 200, refunds: 100, net: 100 },
          { product_id: 'product-2', orders: 0, lines: 1, units: 1, gross: 50, refunds: 0, net: 50 },
        ]),
      );
  });

  it('keeps the products it is told of, and passes over what else is on their topic', async (context) => {
    const { rig, start, committedBecomes } = await setUp(context);
    const created = rig.product();
    await rig.send(rig.topic.products, [created, null, rig.sale(), created], 0);
    await start();
    await comesTrue(async () =>
      expect(await rig.clickhouse.query('SELECT product_id, name, version FROM products FINAL')).toEqual([
        { product_id: 'p', name: 'Lamp', version: 1 },
      ]),
    );
    await committedBecomes(rig.topic.products, 4n);
    expect(await rig.admin.offsets(`${rig.topic.products}.dead-letter`)).toEqual([
      { partition: 0, low: 0n, high: 0n },
    ]);
  });

  it('parks the poison among products once, however often it starts', async (context) => {
    const { rig, start, committedBecomes } = await setUp(context);
    const created = rig.product();
    await rig.send(rig.topic.products, [created, Buffer.from('poison'), created], 0);
    const first = await start();
    await committedBecomes(rig.topic.products, 3n);
    await first.stop();
    await start();
    await rig.send(rig.topic.products, [created], 0);
    await committedBecomes(rig.topic.products, 4n);
    expect(await rig.admin.offsets(`${rig.topic.products}.dead-letter`)).toEqual([
      { partition: 0, low: 0n, high: 1n },
    ]);
  });

  it('parks every kind of poison with its cause and takes in everything around it', async (context) => {
    const { rig, start, rowsBecome, committedBecomes } = await setUp(context);
    const good = () => rig.activity();
    const withByte = (value: Buffer, at: number, byte: number) => {
      value[at] = byte;
      return value;
    };
    const unknownId = good();
    unknownId.writeUInt32BE(2_000_000_001, 1);
    await rig.send(
      rig.topic.shopperActivity,
      [
        good(),
        withByte(good(), 0, 7),
        good(),
        unknownId,
        good(),
        good().subarray(0, -3),
        good(),
        Buffer.concat([good(), Buffer.from('more')]),
        good(),
        null,
        Buffer.from([0, 0]),
        rig.sale(),
        good(),
      ],
      0,
    );
    await start();
    await rowsBecome('shopper_activity', 6);
    const letters = await rig.deadLetters(rig.topic.shopperActivity, 7);
    expect(
      letters.map(({ headers }) => [
        headers['dead-letter-offset'],
        headers['dead-letter-reason'],
        headers['dead-letter-message'],
      ]),
    ).toEqual([
      ['1', 'datum_malformed', 'magic byte is 7, not 0'],
      ['3', 'schema_unknown', expect.stringContaining('2000000001')],
      ['5', 'datum_malformed', expect.stringContaining('too early')],
      ['7', 'datum_malformed', '4 bytes after the datum'],
      ['9', 'datum_malformed', 'the record is empty'],
      ['10', 'datum_malformed', 'only 2 bytes'],
      ['11', 'datum_malformed', expect.stringContaining('does not belong')],
    ]);
    await committedBecomes(rig.topic.shopperActivity, 13n);
  });

  it('takes in a record whose schema the registry learns a moment later, and holds unknown ones together', async (context) => {
    const { rig, start, rowsBecome, committedBecomes } = await setUp(context);
    const withId = (id: number) => {
      const value = rig.activity();
      value.writeUInt32BE(id, 1);
      return value;
    };
    const lateId = 2_000_000_000;
    const unknown = Array.from({ length: 40 }, (_, nth) => withId(2_000_000_001 + nth));
    await rig.send(
      rig.topic.shopperActivity,
      [rig.activity(), withId(lateId), ...unknown, rig.activity()],
      0,
    );
    // It is held until the unknown ones behind it were asked for too: each for itself would hold up the rest.
    await start({ learnLater: { id: lateId, record: records.ShopperActivity, afterIds: 41 } });
    await rowsBecome('shopper_activity', 3);
    await committedBecomes(rig.topic.shopperActivity, 43n);
    expect(await rig.deadLetters(rig.topic.shopperActivity, 40)).toHaveLength(40);
  });

  it('stops well within the time that a process has, while the registry holds it', async (context) => {
    const { rig, start } = await setUp(context);
    const unknown = rig.activity();
    unknown.writeUInt32BE(2_000_000_000, 1);
    await rig.send(rig.topic.shopperActivity, [unknown], 0);
    const ingest = await start({
      learnLater: { id: 2_000_000_000, record: records.ShopperActivity, afterIds: Number.POSITIVE_INFINITY },
    });
    await comesTrue(async () =>
      expect((await ingest.health())?.detail).toContain('is held: no schema 2000000000 yet'),
    );
    const beganAtMs = performance.now();
    await ingest.stop();
    // The service host gives eight seconds to everything that a process has.
    expect(performance.now() - beganAtMs).toBeLessThan(7_000);
  });

  it('parks a record that means nothing, and counts nothing of it', async (context) => {
    const { rig, start, rowsBecome, committedBecomes } = await setUp(context);
    await rig.send(
      rig.topic.sales,
      [rig.sale(), rig.sale({ kind: 'bogus', amount_minor: 105 }), rig.sale()],
      0,
    );
    await rig.send(rig.topic.shopperActivity, [rig.activity({ type: 'bogus' }), rig.activity()], 0);
    await start();
    await rowsBecome('sales', 2);
    await rowsBecome('shopper_activity', 1);
    for (const [topic, field] of [
      [rig.topic.sales, 'kind'],
      [rig.topic.shopperActivity, 'type'],
    ] as const) {
      const [letter] = await rig.deadLetters(topic, 1);
      expect(letter?.headers).toMatchObject({
        'dead-letter-reason': 'datum_meaningless',
        'dead-letter-message': expect.stringContaining(`${field} is "bogus", which is none of`),
      });
    }
    await committedBecomes(rig.topic.sales, 3n);
    await comesTrue(async () =>
      expect(
        await rig.clickhouse.query(
          'SELECT sum(orders) AS orders, sum(gross) AS gross, sum(refunds) AS refunds FROM sales_per_hour',
        ),
      ).toEqual([{ orders: 2, gross: 3_996, refunds: 0 }]),
    );
  });

  it('takes in or parks records whose headers have no value, repeat or are no text', async (context) => {
    const { rig, start, rowsBecome, committedBecomes } = await setUp(context);
    const headers: RawHeader[] = [
      ['event-id', null],
      ['traceparent', null],
      ['twice', Buffer.from('1')],
      ['twice', Buffer.from([0xff, 0xfe])],
    ];
    const records = [rig.sale(), Buffer.from('junk'), rig.sale()];
    await rig.producer.send(rig.to(rig.topic.sales, records, 0).map((record) => ({ ...record, headers })));
    await start();
    await rowsBecome('sales', 2);
    await committedBecomes(rig.topic.sales, 3n);
    const [letter] = await rig.deadLetters(rig.topic.sales, 1);
    expect(letter?.rawHeaders.slice(0, headers.length)).toEqual(headers);
  });

  it('gets through a flood of poison', async (context) => {
    const { rig, start, rowsBecome, committedBecomes } = await setUp(context);
    const flood = Array.from({ length: 1_500 }, () => Buffer.from("not' Avro\\"));
    await rig.send(rig.topic.sales, [rig.sale(), ...flood, rig.sale()], 0);
    await start();
    await rowsBecome('sales', 2);
    await committedBecomes(rig.topic.sales, 1_502n);
    expect((await rig.admin.offsets(`${rig.topic.sales}.dead-letter`))[0]?.high).toBe(1_500n);
  });

  it('never commits an offset before ClickHouse has acknowledged its row', async (context) => {
    const { rig, start, committed, committedBecomes } = await setUp(context);
    let release: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let asked = 0;
    await rig.send(rig.topic.sales, [rig.sale(), rig.sale()], 0);
    await start({
      insertBlock: async (block, insert) => {
        asked += 1;
        await held;
        await insert(block);
      },
    });
    await comesTrue(() => expect(asked).toBe(1));
    const lag = `kafka_consumer_lag{topic="${rig.topic.sales}",partition="0",group="${rig.group}"`;
    expect(await rig.host.metrics.render()).toMatch(new RegExp(`${lag}[^}]*} 2\n`.replaceAll('{', '\\{')));
    // The insert is under way and stays so: whatever would be committed without it has its time now.
    for (let look = 0; look < 20; look += 1) {
      expect(await committed(rig.topic.sales)).toBe(null);
      await sleep(50);
    }
    release();
    await committedBecomes(rig.topic.sales, 2n);
    expect(await rig.count('sales')).toBe(2);
  });

  it('commits what is in ClickHouse when it starts, although nothing new comes', async (context) => {
    const { rig, start, committedBecomes } = await setUp(context);
    await rig.send(rig.topic.sales, [rig.sale(), rig.sale(), rig.sale()], 0);
    // As a predecessor leaves it that died between a block's rows and its commit.
    await rig.clickhouse.insertRows(
      'sales',
      [0, 1, 2].map((offset) => ({ kafka_partition: 0, kafka_offset: offset, event_id: `${offset}` })),
    );
    await start();
    await committedBecomes(rig.topic.sales, 3n);
    expect(await rig.count('sales')).toBe(3);
  });

  it.for(['before', 'after'])(
    'inserts a block once when the answer is lost %s the insert',
    async (when, context) => {
      const { rig, start, offsetsOf, committedBecomes, rollupDifferences } = await setUp(context);
      let failures = 0;
      await rig.send(rig.topic.sales, [rig.sale(), rig.sale(), rig.sale()], 0);
      await start({
        insertBlock: async (block, insert) => {
          if (failures >= 2) return insert(block);
          failures += 1;
          if (when === 'after') await insert(block);
          throw new PlatformError('clickhouse_unavailable', 'connection lost', { retriable: true });
        },
      });
      await committedBecomes(rig.topic.sales, 3n);
      expect(await offsetsOf('sales')).toEqual({ rows: 3, different: 3 });
      expect(await rollupDifferences()).toEqual([]);
    },
  );

  it.for(['before', 'after'])(
    'a successor builds the block again that its predecessor died %s inserting',
    async (when, context) => {
      const { rig, start, rowsBecome, offsetsOf, committedBecomes, rollupDifferences } = await setUp(context);
      await rig.send(rig.topic.sales, [rig.sale(), Buffer.from('poison'), rig.sale()], 0);
      let died = false;
      const first = await start({
        insertBlock: async (block, insert) => {
          if (when === 'after') await insert(block);
          died = true;
          await new Promise(() => {});
        },
      });
      await comesTrue(() => expect(died).toBe(true));
      await rig.send(rig.topic.sales, [rig.sale(), rig.sale()], 0);
      // The first one hangs in its insert as a dead process would; the group gives its partitions away.
      void first.stop();
      await start();
      await rowsBecome('sales', 4);
      await committedBecomes(rig.topic.sales, 5n);
      expect(await offsetsOf('sales')).toEqual({ rows: 4, different: 4 });
      expect(await rollupDifferences()).toEqual([]);
      const [block] = await rig.clickhouse.query<{ first_offset: number; last_offset: number }>(
        'SELECT first_offset, last_offset FROM ingest_blocks WHERE first_offset = 0',
      );
      expect(block).toEqual({ first_offset: 0, last_offset: 2 });
    },
  );

  it('drops what an outbox relay has sent twice, also across a restart', async (context) => {
    const { rig, start, rowsBecome, committedBecomes, rollupDifferences } = await setUp(context);
    const sales = Array.from({ length: 20 }, () => rig.sale());
    // In two blocks, because a new owner builds the newest block again and so has the ids of that one anyhow.
    await rig.send(rig.topic.sales, sales.slice(0, 10), 0);
    const first = await start();
    await rowsBecome('sales', 10);
    await rig.send(rig.topic.sales, sales.slice(10), 0);
    await rowsBecome('sales', 20);
    await first.stop();
    await rig.send(rig.topic.sales, [...sales.slice(5), rig.sale(), ...sales.slice(5)], 0);
    await start();
    await rowsBecome('sales', 21);
    await committedBecomes(rig.topic.sales, 51n);
    expect(await rig.count('sales')).toBe(21);
    expect(await rollupDifferences()).toEqual([]);
  });

  it('takes in again what was deleted as the run book says, although it knew the ids', async (context) => {
    const { rig, start, rowsBecome, committedBecomes } = await setUp(context);
    const sales = Array.from({ length: 10 }, () => rig.sale());
    await rig.send(rig.topic.sales, sales.slice(0, 6), 0);
    const first = await start();
    await rowsBecome('sales', 6);
    await rig.send(rig.topic.sales, sales.slice(6), 0);
    await committedBecomes(rig.topic.sales, 10n);
    await first.stop();
    await rig.clickhouse.command(
      'ALTER TABLE sales DELETE WHERE kafka_offset >= 3 SETTINGS mutations_sync = 2',
    );
    const runBook = await readFile('docs/run-book.md', 'utf8');
    const [markDone = ''] = /INSERT INTO ingest_blocks[^;]+/.exec(runBook) ?? [];
    await rig.clickhouse.command(markDone.replace(/topic IN \([^)]+\)/, `topic = '${rig.topic.sales}'`));
    await start();
    await rig.send(rig.topic.sales, sales, 0);
    await committedBecomes(rig.topic.sales, 20n);
    expect(await rig.clickhouse.query('SELECT kafka_offset AS at FROM sales ORDER BY at')).toEqual(
      [0, 1, 2, 13, 14, 15, 16, 17, 18, 19].map((at) => ({ at })),
    );
  });

  it('makes one row of an event that a client sent again, also across a restart', async (context) => {
    const { rig, start, rowsBecome, committedBecomes } = await setUp(context);
    const events = Array.from({ length: 4 }, (_, at) =>
      rig.activity({ event_id: `0190163d-8694-5c5f-9c1e-0a4a5c9d000${at}` }),
    );
    const first = await start();
    await rig.send(rig.topic.shopperActivity, [...events.slice(0, 2), rig.activity()], 0);
    await rowsBecome('shopper_activity', 3);
    await rig.send(rig.topic.shopperActivity, events.slice(0, 3), 0);
    await rowsBecome('shopper_activity', 4);
    await rig.send(rig.topic.shopperActivity, [rig.activity()], 0);
    await rowsBecome('shopper_activity', 5);
    await first.stop();
    await rig.send(rig.topic.shopperActivity, events, 0);
    await start();
    await committedBecomes(rig.topic.shopperActivity, 11n);
    expect(await rig.count('shopper_activity')).toBe(6);
  });

  it('says which records Kafka had deleted before they were ingested, and goes on behind them', async (context) => {
    const { rig, start, rowsBecome, committedBecomes } = await setUp(context);
    const sales = (count: number) => Array.from({ length: count }, () => rig.sale());
    const lost = () =>
      rig.clickhouse.query(
        'SELECT topic, partition, from_offset AS from, to_offset AS to FROM ingest_lost_ranges FINAL ORDER BY from',
      );
    await rig.send(rig.topic.sales, sales(5), 0);
    const first = await start();
    await committedBecomes(rig.topic.sales, 5n);
    await first.stop();
    await rig.send(rig.topic.sales, sales(4), 0);
    await rig.deleteBefore(rig.topic.sales, 7);
    const second = await start();
    await rowsBecome('sales', 7);
    await committedBecomes(rig.topic.sales, 9n);
    const { topic } = { topic: rig.topic.sales };
    expect(await lost()).toEqual([{ topic, partition: 0, from: 5, to: 7 }]);
    await second.stop();

    // The log is empty and no new records come; the next start must not record the range a second time.
    await rig.send(rig.topic.sales, sales(3), 0);
    await rig.deleteBefore(rig.topic.sales, 12);
    const third = await start();
    const both = [
      { topic, partition: 0, from: 5, to: 7 },
      { topic, partition: 0, from: 9, to: 12 },
    ];
    await comesTrue(async () => expect(await lost()).toEqual(both));
    await third.stop();
    await start();
    await rig.send(rig.topic.sales, sales(1), 0);
    await committedBecomes(rig.topic.sales, 13n);
    expect(await rig.count('sales')).toBe(8);
    expect(await lost()).toEqual(both);
    expect(await rig.host.metrics.render()).toMatch(
      new RegExp(`clickhouse_ingest_records_lost_total\\{topic="${topic}",partition="0"[^}]*\\} 5\n`),
    );
  });

  it('is degraded while a partition is held, says which, and is up again afterwards', async (context) => {
    const { rig, start, committedBecomes } = await setUp(context);
    let isAway = true;
    await rig.send(rig.topic.sales, [rig.sale()], 0);
    const ingest = await start({
      insertBlock: async (block, insert) => {
        if (isAway)
          throw new PlatformError('clickhouse_unavailable', 'connection refused', { retriable: true });
        await insert(block);
      },
    });
    await comesTrue(async () =>
      expect(await ingest.health()).toEqual({
        status: 'degraded',
        detail: `${rig.topic.sales}-0 is held: connection refused`,
      }),
    );
    const sales = () =>
      ingest
        .consumers()
        .flatMap(({ partitions }) => partitions)
        .find(({ topic, partition }) => topic === rig.topic.sales && partition === 0);
    await comesTrue(() =>
      expect(sales()).toMatchObject({ nextOffset: '0', lag: 1, reason: 'connection refused' }),
    );
    isAway = false;
    await committedBecomes(rig.topic.sales, 1n);
    expect(await ingest.health()).toEqual({ status: 'up' });
    await comesTrue(() => expect(sales()).toMatchObject({ nextOffset: '1', lag: 0, reason: null }));
  });

  it('passes what another producer aborted and the markers of its transactions', async (context) => {
    const { rig, start, rowsBecome, committedBecomes } = await setUp(context);
    const producer = await rig.transactionalProducer();
    const one = await producer.begin();
    await one.send(rig.topic.sales, [rig.sale({ event_id: 'committed' })]);
    await one.commit();
    const other = await producer.begin();
    await other.send(rig.topic.sales, [rig.sale({ event_id: 'aborted' })]);
    await other.abort();
    await start();
    await rowsBecome('sales', 1);
    const end = await rig.endOf(rig.topic.sales);
    expect(end).toBe(4n);
    await committedBecomes(rig.topic.sales, end);

    // Nothing but an aborted transaction comes, when everything before it has long been in.
    const third = await producer.begin();
    await third.send(rig.topic.sales, [rig.sale({ event_id: 'aborted too' })]);
    await third.abort();
    await committedBecomes(rig.topic.sales, await rig.endOf(rig.topic.sales));
    await comesTrue(async () =>
      expect(await rig.host.metrics.render()).toMatch(
        new RegExp(`kafka_consumer_lag\\{topic="${rig.topic.sales}",partition="0"[^}]*\\} 0\n`),
      ),
    );
    expect(await rig.clickhouse.query('SELECT event_id FROM sales')).toEqual([{ event_id: 'committed' }]);
  });

  it('leaves out every one of several transactions that were aborted at once', async (context) => {
    const { rig, start, committedBecomes } = await setUp(context);
    const [one, other] = await Promise.all(
      [rig.transactionalProducer(), rig.transactionalProducer()].map(async (opening) =>
        (await opening).begin(),
      ),
    );
    for (const transaction of [one, other, one, other])
      await transaction?.send(rig.topic.sales, [rig.sale({ event_id: 'aborted' })]);
    await one?.abort();
    await other?.abort();
    await rig.send(rig.topic.sales, [rig.sale({ event_id: 'good' })], 0);
    // It goes on behind the third record, where both had begun before.
    await rig.clickhouse.insertRows('sales', [{ kafka_partition: 0, kafka_offset: 2, event_id: 'before' }]);
    await start();
    await committedBecomes(rig.topic.sales, 7n);
    expect(await rig.clickhouse.query('SELECT event_id FROM sales ORDER BY kafka_offset')).toEqual([
      { event_id: 'before' },
      { event_id: 'good' },
    ]);
  });

  it('does not insert a block it has claimed after somebody else took the partition over', async (context) => {
    const { rig } = await setUp(context);
    const { createBlockClaims } = await import('./block-claims.js');
    const sales0 = { topic: rig.topic.sales, partition: 0 };
    const [old] = await createBlockClaims(rig.clickhouse, 'old').takeOver([sales0]);
    const [next] = await createBlockClaims(rig.clickhouse, 'new').takeOver([sales0]);
    const claim = {
      firstOffset: 0,
      lastOffset: 9,
      attempt: 0,
      schemaIds: [1],
      rows: 10,
      excluded: [],
      gathered: null,
    };
    expect(await old?.claim(claim)).toBe('theirs');
    expect(await next?.claim(claim)).toBe('ours');
  });

  it('reads everything again when ClickHouse has been emptied, whatever Kafka has committed', async (context) => {
    const { rig, start, rowsBecome, committedBecomes } = await setUp(context);
    await rig.send(rig.topic.sales, [rig.sale(), rig.sale(), rig.sale()], 0);
    const first = await start();
    await committedBecomes(rig.topic.sales, 3n);
    await first.stop();
    for (const table of ['sales', 'sales_rollup', 'ingest_blocks', 'ingest_owners'])
      await rig.clickhouse.command(`TRUNCATE TABLE ${table}`);
    await start();
    await rowsBecome('sales', 3);
  });

  it.for([
    ['the rollup', 'sales_rollup'],
    ['the rows', 'sales'],
  ] as const)(
    'brings back %s that ClickHouse remembers and lost when it was killed',
    async ([, lost], context) => {
      const { rig, start, committedBecomes, offsetsOf, rollupDifferences } = await setUp(context);
      await rig.send(rig.topic.sales, [rig.sale(), rig.sale()], 0);
      let inserted = false;
      const first = await start({
        insertBlock: async (block, insert) => {
          await insert(block);
          inserted = true;
          await new Promise(() => {});
        },
      });
      await comesTrue(() => expect(inserted).toBe(true));
      await rig.clickhouse.command(`ALTER TABLE ${lost} DELETE WHERE 1 SETTINGS mutations_sync = 2`);
      void first.stop();
      await start({ afterRestart: true });
      await committedBecomes(rig.topic.sales, 2n);
      expect(await offsetsOf('sales')).toEqual({ rows: 2, different: 2 });
      expect(await rollupDifferences()).toEqual([]);
    },
  );
});
