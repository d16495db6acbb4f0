/** Orders that are sent several times each under one key, while the process that takes them is killed. */

import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { serviceDatabaseUrl } from '#platform/postgres/pool';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { createAdmission } from '#platform/waiting/admission';
import { sleep } from '#platform/waiting/sleep';
import { readRunFile, type Shop, shopAt } from './shop.js';

export type RepeatedOrders = {
  orders: number;
  /** Requests sent, the repeats after no answer or a failure included. */
  sent: number;
  /** How many received each status; `none` where the connection broke. */
  answers: Record<string, number>;
  kills: number;
  /** Orders that the sends of one key have made; what each bought is 1 piece. */
  rowsOrders: number;
  charges: number;
  piecesSold: number;
  problems: string[];
};

const timesEach = 3;
const sendersMax = 48;
const answerMsMax = 10_000;
const restMs = 100;
const acceptedMsMax = 120_000;
const settleMsMax = 60_000;
const stock = 1_000_000;

type Body = { id: string };
type Tally = { sent: number; answers: Record<string, number> };

/** Sends the order until it is accepted, as a client does that has received no answer. */
const sendOne = async (shop: Shop, productId: string, key: string, tally: Tally): Promise<Body> => {
  for (const until = performance.now() + acceptedMsMax; performance.now() < until; ) {
    tally.sent += 1;
    const answer = await shop
      .placeOrder(
        { items: [{ productId, quantity: 1 }], email: `${key}@example.org`, idempotencyKey: key },
        AbortSignal.timeout(answerMsMax),
      )
      .catch(() => undefined);
    const status = String(answer?.status ?? 'none');
    tally.answers[status] = (tally.answers[status] ?? 0) + 1;
    if (answer?.status === 202) return withoutToken(answer.body);
    await sleep(restMs);
  }
  throw new Error(`the order ${key} was not accepted in ${acceptedMsMax} ms`);
};

/** A guest's token is in the answer to the first request alone. */
const withoutToken = ({ orderToken: _, ...body }: Body & { orderToken?: string }): Body => body;

/** Half of the orders are sent three times at once, the others three times one after the other. */
const sendThrice = async (shop: Shop, productId: string, nth: number, tally: Tally): Promise<string[]> => {
  const key = randomUUID();
  const send = () => sendOne(shop, productId, key, tally);
  const bodies: Body[] = [];
  if (nth % 2 === 0) bodies.push(...(await Promise.all(Array.from({ length: timesEach }, send))));
  else for (let time = 0; time < timesEach; time += 1) bodies.push(await send());
  return bodies.map((body) => JSON.stringify(body));
};

/** Kills the process `everyMs` after it is there, again and again, until `isOver`; resolves to how often. */
const killAgainAndAgain = async (
  runFile: string,
  {
    victim,
    everyMs,
    killsMax,
    isOver,
  }: { victim: string; everyMs: number; killsMax: number; isOver: () => boolean },
): Promise<number> => {
  const processOf = () => readRunFile(runFile).processes.find(({ name }) => name === victim);
  let kills = 0;
  while (!isOver() && kills < killsMax) {
    const running = processOf();
    const signal = AbortSignal.timeout(1_000);
    const answer = await fetch(`${running?.url}/health/live`, { signal }).catch(() => undefined);
    if (running === undefined || answer?.ok !== true) {
      await sleep(restMs);
      continue;
    }
    await sleep(everyMs);
    if (isOver()) break;
    process.kill(running.pid, 'SIGKILL');
    kills += 1;
  }
  return kills;
};

/**
 * Sends `orders` orders three times each while `victim`, the process of the order service, is killed `killEveryMs` after
 * each of its starts, at most `killsMax` times;
 * then compares the answers, the orders, the provider's books and the stock.
 */
export const repeatOrders = async (
  runFile: string,
  {
    orders,
    victim,
    killEveryMs,
    killsMax = Number.POSITIVE_INFINITY,
  }: { orders: number; victim: string; killEveryMs: number; killsMax?: number },
): Promise<RepeatedOrders> => {
  const run = readRunFile(runFile);
  const shop = shopAt(run.gateway);
  const admin = await shop.login(run.adminEmail, run.adminPassword);
  const productId = await shop.createProduct(admin, { initialStock: stock });
  const tally: Tally = { sent: 0, answers: {} };
  let isOver = false;
  const killing = killAgainAndAgain(runFile, {
    victim,
    everyMs: killEveryMs,
    killsMax,
    isOver: () => isOver,
  });
  const places = createAdmission(sendersMax);
  const sending = Array.from({ length: orders }, (_, nth) =>
    places.run(() => sendThrice(shop, productId, nth, tally)),
  );
  const bodies = await Promise.all(sending).finally(() => {
    isOver = true;
  });
  const kills = await killing;
  const different = bodies.filter((same) => new Set(same).size > 1);
  const ids = new Set(bodies.map(([body]) => (JSON.parse(body ?? '{}') as Body).id));
  const books = await booksOf(runFile, shop, productId);
  const problems = [
    ...different.map(([one]) => `a key received other bodies than ${one}`),
    ...[
      ['orders answered', ids.size],
      ['orders', books.rowsOrders],
      ['charges', books.charges],
      ['pieces sold', books.piecesSold],
    ].flatMap(([what, count]) => (count === orders ? [] : [`${count} ${what} instead of ${orders}`])),
  ];
  return { orders, ...tally, kills, ...books, problems };
};

/** What the order service, the provider and inventory have of the product, once every order of it has ended. */
const booksOf = async (
  runFile: string,
  shop: Shop,
  productId: string,
): Promise<Pick<RepeatedOrders, 'rowsOrders' | 'charges' | 'piecesSold'>> => {
  const { databaseUrl } = engines({ CARTSTREAM_RUN: runFile });
  const [orderDb, paymentDb] = ['order', 'payment'].map(
    (service) => new pg.Client({ connectionString: serviceDatabaseUrl(databaseUrl, service) }),
  ) as [pg.Client, pg.Client];
  for (const client of [orderDb, paymentDb]) client.on('error', () => {});
  await Promise.all([orderDb.connect(), paymentDb.connect()]);
  try {
    const ofProduct = `lines @> jsonb_build_array(jsonb_build_object('productId', $1::text))`;
    const ids = await eventually(
      async () => {
        const { rows } = await orderDb.query<{ id: string; waits: string[] }>(
          `SELECT order_id AS id, waits_for AS waits FROM orders WHERE ${ofProduct}`,
          [productId],
        );
        const waiting = rows.filter(({ waits }) => waits.length > 0).length;
        if (waiting > 0) throw new Error(`${waiting} of ${rows.length} orders wait`);
        return rows.map(({ id }) => id);
      },
      { timeoutMs: settleMsMax, everyMs: 100, message: 'every order to end' },
    );
    const { rows } = await paymentDb.query<{ charges: string }>(
      `SELECT count(*) AS charges FROM sandbox_ledger
       WHERE kind = 'capture' AND status = 'done' AND split_part(key, ':', 1) = ANY ($1::text[])`,
      [ids],
    );
    const { onHand } = await shop.stockOf(productId);
    return { rowsOrders: ids.length, charges: Number(rows[0]?.charges), piecesSold: stock - onHand };
  } finally {
    await Promise.all([orderDb.end(), paymentDb.end()]);
  }
};
