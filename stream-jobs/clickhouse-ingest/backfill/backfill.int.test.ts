import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ClickHouse, QueryParams } from '#platform/clickhouse/client';
import type { OutgoingRecord } from '#platform/messaging/broker';
import { eventually } from '#platform/testing/eventually';
import { sleep } from '#platform/waiting/sleep';
import { createBlockClaims } from '../block-claims.js';
import { breakOpen, setGates } from '../table-gate.js';
import { setUp } from '../testing/set-up.js';
import { typedWords } from '../typed-words-store.js';
import { nextDatabaseOf } from './next-tables.js';
import type { Request } from './plan.js';

type Setting = Awaited<ReturnType<typeof setUp>>;

const all: Request = { table: 'sales', fromMs: null, toMs: null, offsets: null };

/** Sells without a pause until it is stopped, and remembers what it sold. */
const sellOn = (rig: Setting['rig']) => {
  let isStopped = false;
  const ledger = { lines: 0, net: 0 };
  const sell = async (): Promise<void> => {
    while (!isStopped) {
      const values = Array.from({ length: 20 }, (_, nth) => {
        const amount = 100 + nth;
        ledger.net += amount;
        return rig.sale({
          amount_minor: amount,
          product_id: `product-${nth % 3}`,
          occurred_at: Date.now() - nth * 90_000,
        });
      });
      ledger.lines += values.length;
      await rig.producer.send(
        values.map((value, nth): OutgoingRecord => ({ topic: rig.topic.sales, key: String(nth), value })),
      );
      await sleep(100);
    }
  };
  const selling = sell();
  return {
    ledger,
    stop: async () => {
      isStopped = true;
      await selling;
      return ledger;
    },
  };
};

/** Afterwards no new owner would trust the token of a claim, and a back-fill reads its block before the exchange. */
const letClaimsAge = ({ clickhouse }: Setting['rig']): Promise<void> =>
  clickhouse.command(
    'ALTER TABLE ingest_blocks UPDATE claimed_at = claimed_at - INTERVAL 1 HOUR WHERE 1 SETTINGS mutations_sync = 2',
  );

/** What an owner does that has waited too long for the exchange of the sales. */
const takeSalesOutOfReach = ({ clickhouse, topic }: Setting['rig']): Promise<void> =>
  breakOpen(clickhouse, topic.sales, {
    database: nextDatabaseOf(clickhouse.database, 'sales'),
    table: 'sales',
  });

/** The table and every rollup agree with each other and with the ledger. */
const isExact = async (
  { rig, offsetsOf, rollupDifferences }: Setting,
  ledger: { lines: number; net: number },
) => {
  await eventually(async () => expect(await rig.count('sales')).toBe(ledger.lines), { timeoutMs: 60_000 });
  expect(await offsetsOf('sales')).toEqual({ rows: ledger.lines, different: ledger.lines });
  await eventually(async () => expect(await rollupDifferences()).toEqual([]), { timeoutMs: 10_000 });
  for (const rollup of ['sales_per_minute', 'sales_per_hour', 'sales_per_day'])
    await eventually(async () =>
      expect(
        await rig.clickhouse.query(`SELECT sum(lines) AS lines, sum(net) AS net FROM ${rollup}`),
      ).toEqual([ledger]),
    );
};

/** What a wrong version of a view might have left: rows that miss, and sums that say something else. */
const spoil = async ({ rig }: Setting): Promise<void> => {
  await rig.clickhouse.command(
    'ALTER TABLE sales DELETE WHERE kafka_offset % 7 = 3 SETTINGS mutations_sync = 2',
  );
  await rig.clickhouse.command(
    "INSERT INTO sales_rollup (size, bucket, currency, product_id, net) VALUES ('hour', '2026-01-01 00:00:00', 'EUR', 'nothing', 5)",
  );
};

/** A client whose process is killed right behind the first command that begins so. */
const killedBehind = (clickhouse: ClickHouse, start: string): ClickHouse => {
  let isDead = false;
  const alive = async <T>(ask: () => Promise<T>): Promise<T> => {
    if (isDead) throw new Error('killed');
    return ask();
  };
  return {
    ...clickhouse,
    query: <Row>(sql: string, params?: QueryParams) => alive(() => clickhouse.query<Row>(sql, params)),
    command: (sql, params) =>
      alive(async () => {
        await clickhouse.command(sql, params);
        isDead = sql.startsWith(start);
        if (isDead) throw new Error('killed');
      }),
    insertRows: (table, rows) => alive(() => clickhouse.insertRows(table, rows)),
  };
};

describe.concurrent('a back-fill', { timeout: 180_000 }, () => {
  it('fills a table and its rollups anew while the ingest goes on, however often it is killed', async (context) => {
    const setting = await setUp(context, { topics: ['sales'] });
    const { rig, start } = setting;
    await start({ tables: ['sales'] });
    const shop = sellOn(rig);
    await eventually(async () => expect(await rig.count('sales')).toBeGreaterThan(300), {
      timeoutMs: 30_000,
    });
    await spoil(setting);

    const stopReading = rig.backfill({
      request: all,
      onProgress: ({ step, done }) => {
        if (step === 'reading' && done > 0) throw new Error('killed');
      },
    });
    await expect(stopReading).rejects.toThrow('killed');
    // With the gate closed, right behind the exchange.
    const clickhouse = killedBehind(rig.clickhouse, 'EXCHANGE');
    await expect(rig.backfill({ request: all, clickhouse })).rejects.toThrow('killed');
    expect((await rig.backfill({ request: all })).mended).toBe(0);
    await isExact(setting, await shop.stop());
  });

  it('drops a block of the ingest that was on its way while the tables were exchanged', async (context) => {
    const setting = await setUp(context, { topics: ['sales'] });
    const { rig, start, rowsBecome } = setting;
    const sales = () => Array.from({ length: 3 }, () => rig.sale({ amount_minor: 10 }));
    for (const partition of [0, 1]) await rig.send(rig.topic.sales, sales(), partition);
    let arrive: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    let inserts = 0;
    await start({
      tables: ['sales'],
      insertBlock: async (block, insert) => {
        inserts += 1;
        if ((await rig.count('sales')) === 6) await held;
        await insert(block);
      },
    });
    await rowsBecome('sales', 6);
    const before = inserts;
    for (const partition of [0, 1]) await rig.send(rig.topic.sales, sales(), partition);
    await eventually(() => expect(inserts).toBeGreaterThan(before));
    await rig.backfill({ request: all });
    expect(await rig.count('sales')).toBe(12);
    arrive();
    await rig.send(rig.topic.sales, sales(), 0);
    await isExact(setting, { lines: 15, net: 150 });
  });

  it('leaves a new owner that comes right behind the exchange nothing to insert a second time', async (context) => {
    const setting = await setUp(context, { topics: ['sales'] });
    const { rig, start, rowsBecome, committedBecomes } = setting;
    const sale = () => rig.sale({ amount_minor: 10 });
    await rig.send(rig.topic.sales, [sale(), sale(), sale()], 0);
    const ingest = await start({ tables: ['sales'] });
    await rowsBecome('sales', 3);
    await committedBecomes(rig.topic.sales, 3n);
    await rig.backfill({ request: all });
    await ingest.stop();
    await start({ tables: ['sales'] });
    await rig.send(rig.topic.sales, [sale()], 0);
    await committedBecomes(rig.topic.sales, 4n);
    await isExact(setting, { lines: 4, net: 40 });
  });

  it('copies what is outside its range, also what Kafka has deleted', async (context) => {
    const setting = await setUp(context, { topics: ['sales'] });
    const { rig, start, rowsBecome } = setting;
    const values = Array.from({ length: 10 }, (_, nth) =>
      rig.sale({ event_id: `e${nth}`, occurred_at: Date.UTC(2026, 0, 1 + nth) }),
    );
    await rig.send(rig.topic.sales, values, 0);
    const ingest = await start({ tables: ['sales'] });
    await rowsBecome('sales', 10);
    await rig.deleteBefore(rig.topic.sales, 2);
    await rig.clickhouse.command(
      "ALTER TABLE sales UPDATE category = concat('was ', event_id) WHERE 1 SETTINGS mutations_sync = 2",
    );
    await rig.clickhouse.command(
      'ALTER TABLE sales DELETE WHERE kafka_offset = 5 SETTINGS mutations_sync = 2',
    );
    const categories = async () =>
      (
        await rig.clickhouse.query<{ category: string }>('SELECT category FROM sales ORDER BY kafka_offset')
      ).map(({ category }) => category);
    const kept = (nth: number) => `was e${nth}`;

    // From the row that misses on: the sixth occurred on the 6th.
    await rig.backfill({
      request: { ...all, fromMs: Date.UTC(2026, 0, 7), toMs: Date.UTC(2026, 0, 9) },
    });
    expect(await categories()).toEqual([
      ...[0, 1, 2, 3, 4].map(kept),
      ...Array.from({ length: 3 }, () => 'home/lighting'),
      ...[8, 9].map(kept),
    ]);
    await rig.backfill({ request: { ...all, offsets: { 0: { from: 0, to: 4 } } } });
    expect((await categories()).slice(0, 5)).toEqual([
      kept(0),
      kept(1),
      'home/lighting',
      'home/lighting',
      kept(4),
    ]);
    await ingest.stop();
    await isExact(setting, { lines: 10, net: 19_980 });
  });

  it('is refused where Kafka deleted what it had not read, and copies that when it is started again', async (context) => {
    const setting = await setUp(context, { topics: ['sales'] });
    const { rig, start, committedBecomes } = setting;
    await rig.send(
      rig.topic.sales,
      Array.from({ length: 6 }, () => rig.sale({ amount_minor: 10 })),
      0,
    );
    const ingest = await start({ tables: ['sales'] });
    await committedBecomes(rig.topic.sales, 6n);
    await ingest.stop();
    await letClaimsAge(rig);
    const registry = { schemaById: () => Promise.reject(new Error('killed')) };
    await expect(rig.backfill({ request: all, registry })).rejects.toThrow('killed');
    await rig.deleteBefore(rig.topic.sales, 3);
    await expect(rig.backfill({ request: all })).rejects.toThrow(
      `Kafka has deleted the records of ${rig.topic.sales}-0 up to 3, which were read up to 0; start again`,
    );
    await isExact(setting, { lines: 6, net: 60 });
    await rig.backfill({ request: all, again: true });
    await isExact(setting, { lines: 6, net: 60 });
  });

  it('is refused where its topic got a partition since the plan, and done when it is started again', async (context) => {
    const setting = await setUp(context, { topics: ['sales'] });
    const { rig, start, committedBecomes } = setting;
    const sale = () => rig.sale({ amount_minor: 10 });
    await rig.send(rig.topic.sales, [sale(), sale()], 0);
    const ingest = await start({ tables: ['sales'] });
    await committedBecomes(rig.topic.sales, 2n);
    await ingest.stop();
    await letClaimsAge(rig);
    const registry = { schemaById: () => Promise.reject(new Error('killed')) };
    await expect(rig.backfill({ request: all, registry })).rejects.toThrow('killed');
    await rig.raisePartitions(rig.topic.sales, 3);
    await expect(rig.backfill({ request: all })).rejects.toThrow('has a partition 2 since');
    await isExact(setting, { lines: 2, net: 20 });
    await rig.backfill({ request: all, again: true });
    await start({ tables: ['sales'] });
    await rig.send(rig.topic.sales, [sale()], 0);
    await isExact(setting, { lines: 3, net: 30 });
  });

  it('brings no words back of people whose accounts were erased', async (context) => {
    const { rig, start, rowsBecome } = await setUp(context, { topics: ['shopperActivity'] });
    const [ann, bo] = [randomUUID(), randomUUID()];
    const search = (user: string | null, visit: string, query: string) =>
      rig.activity({ type: 'products_searched', user_id: user, visit_id: visit, query });
    await rig.send(rig.topic.shopperActivity, [
      search(null, 'visit-1', 'ann before login'),
      search(ann, 'visit-1', 'ann'),
      search(bo, 'visit-2', 'bo'),
    ]);
    await start({ tables: ['shopper_activity'] });
    await rowsBecome('shopper_activity', 3);
    await rig.clickhouse.insertRows('domain_events', [
      {
        topic: 'users',
        kafka_partition: 0,
        kafka_offset: 0,
        event_id: randomUUID(),
        key: ann,
        type: 'UserErased',
        occurred_at: new Date().toISOString().replace('T', ' ').replace('Z', ''),
        payload: '{}',
      },
    ]);
    await typedWords.erase(rig.clickhouse, [{ userId: ann, erasedAtMs: 0 }]);
    await rig.backfill({ request: { ...all, table: 'shopper_activity' } });
    expect(await rig.count('shopper_activity')).toBe(3);
    expect(await rig.clickhouse.query(`SELECT query FROM shopper_activity WHERE query IS NOT NULL`)).toEqual([
      { query: 'bo' },
    ]);
  });

  it('tries again where the ingest did not wait for it, and took its table out of reach', async (context) => {
    const setting = await setUp(context, { topics: ['sales'] });
    const { rig, start, rowsBecome } = setting;
    await rig.send(rig.topic.sales, [rig.sale({ amount_minor: 10 })], 0);
    await start({ tables: ['sales'] });
    await rowsBecome('sales', 1);
    let exchanges = 0;
    const clickhouse: ClickHouse = {
      ...rig.clickhouse,
      command: async (sql, params) => {
        if (sql.startsWith('EXCHANGE')) exchanges += 1;
        if (sql.startsWith('EXCHANGE') && exchanges === 1) await takeSalesOutOfReach(rig);
        return rig.clickhouse.command(sql, params);
      },
    };
    await rig.backfill({ request: all, clickhouse });
    expect(exchanges).toBe(2);
    await rig.send(rig.topic.sales, [rig.sale({ amount_minor: 10 })], 0);
    await isExact(setting, { lines: 2, net: 20 });
  });

  it('is done where an owner that waited too long comes behind the exchange, and renames the old table', async (context) => {
    const setting = await setUp(context, { topics: ['sales'] });
    const { rig, start, rowsBecome } = setting;
    await rig.send(rig.topic.sales, [rig.sale({ amount_minor: 10 })], 0);
    await start({ tables: ['sales'] });
    await rowsBecome('sales', 1);
    const clickhouse: ClickHouse = {
      ...rig.clickhouse,
      command: async (sql, params) => {
        await rig.clickhouse.command(sql, params);
        if (sql.startsWith('EXCHANGE')) await takeSalesOutOfReach(rig);
      },
    };
    expect(await rig.backfill({ request: all, clickhouse })).toMatchObject({ rows: 1, rowsBefore: 1 });
    await rig.send(rig.topic.sales, [rig.sale({ amount_minor: 10 })], 0);
    await isExact(setting, { lines: 2, net: 20 });
  });

  it('that holds the ingest back for too long finds its table out of reach', async (context) => {
    const { rig } = await setUp(context, { topics: ['sales'] });
    const { clickhouse } = rig;
    const place = { topic: rig.topic.sales, partition: 0 };
    const claims = createBlockClaims(clickhouse, 'ingest', { gateClosedMsMax: 100 });
    const [own] = await claims.takeOver([place]);
    const claim = {
      firstOffset: 0,
      lastOffset: 9,
      attempt: 0,
      schemaIds: [1],
      rows: 10,
      excluded: [],
      gathered: null,
    };
    expect(await own?.claim(claim)).toBe('ours');
    // Any table will do.
    await setGates(clickhouse, [place.topic], { database: clickhouse.database, table: 'visits' });
    expect(await own?.claim({ ...claim, firstOffset: 10, lastOffset: 19 })).toBe('ours_later');
    await expect(rig.count('visits')).rejects.toThrow('Unknown table');
    expect(await rig.count('visits_late')).toBe(0);
    expect(await own?.claim({ ...claim, firstOffset: 20, lastOffset: 29 })).toBe('ours');
  });
});
