/**
 * `npm run bench reads`: how long orders take at a fixed rate, without and with callers who ask heavy questions of the
 * analytics all the time, in alternating pairs. Starts a platform unless CARTSTREAM_RUN names one or one runs in `.local`.
 */
import { randomUUID } from 'node:crypto';
import { loadavg } from 'node:os';
import { findPlatform } from '../tests/running-platform.js';
import { readRunFile, type Shop, shopAt } from '../tests/shop.js';
import { ourShop, type System } from './checkout/systems.js';
import { pairedRatio, shownSpread, spreadOf } from './figures.js';
import { buyAtRate, buyInLoop } from './load/orders.js';
import { writeResults } from './results.js';
import { progressLine, table } from './terminal.js';

const durationMs = Number(process.env.SECONDS ?? 15) * 1000;
const rounds = Number(process.env.ROUNDS ?? 4);
const actions = Number(process.env.ACTIONS ?? 400_000);
const askers = Number(process.env.ASKERS ?? 4);
const shareOfPeak = 0.25;
const ratioMax = 1.1;
const eventsPerRequest = 500;
const actionsPerVisit = 8;

type Measured = {
  round: number;
  isAsked: boolean;
  confirmedP50Ms: number;
  confirmedP99Ms: number;
  asked: number;
  failures: number;
  load: number;
};

export const runReadsBench = async (): Promise<void> => {
  const platform = await findPlatform(200);
  try {
    const run = readRunFile(platform.runFile);
    const shop = shopAt(run.gateway);
    const token = await shop.login(run.adminEmail, run.adminPassword);
    const system = await ourShop(platform.runFile);
    await reportActions(shop, system);
    const { perSecond: peak } = await buyInLoop(system, { buyers: 32, durationMs });
    const perSecond = peak * shareOfPeak;
    const measured: Measured[] = [];
    for (let round = 0; round < rounds; round += 1)
      for (const isAsked of round % 2 === 0 ? [false, true] : [true, false])
        measured.push(await measure(system, { round, isAsked, perSecond, shop, token }));
    report(measured, perSecond);
  } finally {
    await platform.stop();
  }
};

/** What the questions are about: visits of a few actions each, on the products that are bought. */
const reportActions = async (shop: Shop, { shop: goods }: System): Promise<void> => {
  const progress = progressLine('actions');
  const products = goods.products;
  const types = [
    'product_viewed',
    'products_searched',
    'recommendation_shown',
    'recommendation_clicked',
    'product_viewed',
    'product_added',
  ];
  let visitId = randomUUID();
  for (let sent = 0; sent < actions; sent += eventsPerRequest) {
    const events = Array.from({ length: eventsPerRequest }, (_, n) => {
      if (n % actionsPerVisit === 0) visitId = randomUUID();
      const type = types[(sent + n) % types.length] as string;
      const occurredAt = new Date(Date.now() - ((sent + n) % 3_600_000)).toISOString();
      const ofType =
        type === 'products_searched'
          ? { query: `term ${(sent + n) % 997}` }
          : { productId: products[n % products.length] };
      const recommendation = type.startsWith('recommendation') ? { recommendationId: visitId } : {};
      return { type, visitId, occurredAt, ...ofType, ...recommendation };
    });
    const { status } = await shop.call('POST', '/api/events', { body: { events } });
    if (status !== 202) throw new Error(`events: ${status}`);
    progress.update(sent / actions, '');
  }
  progress.done(`${actions} reported`);
};

/** Each with another number in it, so that no answer serves twice. */
const heavyQuestions: readonly ((n: number) => string)[] = [
  (n) => `funnel?windowMinutes=${1 + (n % 40_000)}`,
  (n) => `searches?windowMinutes=${1 + (n % 1_400)}&limit=${1 + (n % 100)}`,
  (n) => `attribution?windowHours=${1 + (n % 700)}`,
  (n) => `attribution?by=recommendation&windowHours=${1 + (n % 700)}`,
  (n) => `overview?compare=previous&from=${new Date(Date.UTC(2026, 0, 1) + n * 60_000).toISOString()}`,
];

/** Asks until the signal; resolves with how many were answered. What was refused is shown with its status. */
const askAllTheTime = async (shop: Shop, token: string, until: AbortSignal): Promise<number> => {
  let [answered, nth] = [0, Math.floor(Math.random() * 10_000)];
  const refused = new Map<number, number>();
  const one = async (): Promise<void> => {
    while (!until.aborted) {
      nth += 1;
      const question = heavyQuestions[nth % heavyQuestions.length] as (n: number) => string;
      const { status } = await shop.call('GET', `/api/analytics/${question(nth)}`, { token });
      if (status === 200) answered += 1;
      else refused.set(status, (refused.get(status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: askers }, one));
  for (const [status, times] of refused) console.log(`  ${times} questions were refused with ${status}`);
  return answered;
};

const measure = async (
  system: System,
  {
    round,
    isAsked,
    perSecond,
    shop,
    token,
  }: { round: number; isAsked: boolean; perSecond: number; shop: Shop; token: string },
): Promise<Measured> => {
  const load = loadavg()[0] ?? Number.NaN;
  const ending = new AbortController();
  const asking = isAsked ? askAllTheTime(shop, token, ending.signal) : Promise.resolve(0);
  const { result } = await buyAtRate(system, { perSecond, durationMs, warmUpMs: durationMs / 3 });
  ending.abort();
  const asked = await asking;
  const { confirmed, failures } = result;
  console.log(
    `  round ${round + 1}/${rounds}, ${isAsked ? `${asked} questions` : 'nobody asks'}: confirmed p99 ${confirmed.p99Ms.toFixed(0)} ms`,
  );
  return {
    round,
    isAsked,
    confirmedP50Ms: confirmed.p50Ms,
    confirmedP99Ms: confirmed.p99Ms,
    asked,
    failures,
    load,
  };
};

const report = (measured: readonly Measured[], perSecond: number): void => {
  const of = (isAsked: boolean, key: 'confirmedP50Ms' | 'confirmedP99Ms' | 'asked') =>
    measured
      .filter((one) => one.isAsked === isAsked)
      .sort((a, b) => a.round - b.round)
      .map((one) => one[key]);
  const row = (name: string, isAsked: boolean): string[] => [
    name,
    shownSpread(spreadOf(of(isAsked, 'confirmedP50Ms')), 0),
    shownSpread(spreadOf(of(isAsked, 'confirmedP99Ms')), 0),
    String(of(isAsked, 'asked').reduce((sum, asked) => sum + asked, 0)),
  ];
  const titles = [`${perSecond.toFixed(1)} orders/s`, 'confirmed p50 ms', 'p99 ms', 'questions answered'];
  console.log(
    `\n${table(
      titles.map((title, at) => ({ title, right: at > 0 })),
      [row('nobody asks', false), row(`${askers} ask all the time`, true)],
    )}`,
  );
  const ratio = pairedRatio(of(true, 'confirmedP99Ms'), of(false, 'confirmedP99Ms'));
  console.log(
    `p99 with questions beside without, pair by pair: ${shownSpread(ratio, 2)}, at most ${ratioMax}: ${ratio.median <= ratioMax ? 'holds' : 'missed'}`,
  );
  console.log(
    `load average before each measurement: ${shownSpread(spreadOf(measured.map(({ load }) => load)), 1)}`,
  );
  writeResults('reads', { perSecond, ratio, measured });
};
