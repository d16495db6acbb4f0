import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { type Activity, askedApp } from './testing/asked-app.js';

const nowMs = Date.UTC(2026, 2, 20);
const productId = randomUUID();

it('a visit of thousands of searches and of thousands of accounts is answered, gathered and put together', async ({
  onTestFinished,
}) => {
  const shop = await askedApp(nowMs);
  onTestFinished(shop.drop);
  const visit = { visitId: 'visit', productId };
  // Of three searches of an instant the last is answered, by a view of the same instant.
  const searched = (atMs: number): Activity[] => [
    ...['one', 'two', 'three'].map((query) => ({ ...visit, type: 'products_searched', query, atMs })),
    { ...visit, type: 'product_viewed', userId: randomUUID(), atMs },
    { ...visit, type: 'product_viewed', userId: randomUUID(), atMs: atMs + 1 },
    { ...visit, type: 'product_added', userId: randomUUID(), atMs: atMs + 5 },
  ];
  let searches = 0;
  const search = async (times: number): Promise<void> => {
    const beganMs = nowMs - 3_600_000 + 10 * searches;
    searches += times;
    await shop.insertActivity(Array.from({ length: times }, (_, nth) => searched(beganMs + 10 * nth)).flat());
  };
  const terms = async () =>
    (await shop.items('searches')).map(({ term, searches: of, answered, added }) => [
      term,
      of,
      answered,
      added,
    ]);
  const expectAnswers = async (): Promise<void> => {
    expect(await terms()).toEqual([
      ['one', searches, 0, 0],
      ['three', searches, searches, searches],
      ['two', searches, 0, 0],
    ]);
    for (const path of ['overview', 'funnel', 'attribution']) await shop.items(path);
  };

  await search(3_000);
  await expectAnswers();
  await shop.gather();
  shop.readGathered(true);
  expect(await shop.clickhouse.query('SELECT count() AS visits FROM visit_actions')).toEqual([{ visits: 1 }]);
  await expectAnswers();
  await search(1);
  shop.change();
  await expectAnswers();
});
