/**
 * `npm run bench recommend`: the models on generated shoppers (`PRODUCTS`, `USERS`, `EVENTS`): how many events a core learns
 * in a second, how many lists it makes, how much memory that takes, and how long the state takes to be written and restored.
 * With `SERENADE=on` the lists of real visits are served beside those of Serenade (`recommend/beside-serenade.ts`), and with
 * `GORSE=/path/of/gorse-in-one` beside those of Gorse (`recommend/beside-gorse.ts`).
 * With `SERVICE=on` also requests through the gateway of the platform that CARTSTREAM_RUN names or that runs in `.local`,
 * or of one that is started. Times are CPU time, which other work on the machine hardly changes.
 */
import { Agent, get } from 'node:http';
import type { Scenario } from '#recommenders/activity';
import { createRecommender, type Recommender } from '#recommenders/recommender';
import { findPlatform } from '../tests/running-platform.js';
import { readRunFile, shopAt } from '../tests/shop.js';
import { measureBesideGorse, showBesideGorse } from './recommend/beside-gorse.js';
import { measureBesideSerenade, showBesideSerenade } from './recommend/beside-serenade.js';
import { beganMs, generate } from './recommend/generated.js';
import { writeResults } from './results.js';
import { table, thousands } from './terminal.js';

const products = Number(process.env.PRODUCTS ?? 50_000);
const users = Number(process.env.USERS ?? 50_000);
const events = Number(process.env.EVENTS ?? 1_000_000);
const queriesPerScenario = 1_000;
const requests = Number(process.env.REQUESTS ?? 5_000);
const connections = 8;
const asked: readonly Scenario[] = ['product', 'similar', 'cart', 'home', 'reorder', 'new-arrivals'];

const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
const perSecond = (count: number, ms: number): number => (count / ms) * 1000;
const mebibytes = (bytes: number): number => Math.round(bytes / 1024 ** 2);
const residentMiB = (): number => mebibytes(process.memoryUsage().rss);

export const runRecommendBench = async (): Promise<void> => {
  const { ONLY: only, SERENADE: serenade, GORSE: gorse } = process.env;
  if (only === undefined || only === 'models') await runModelsBench();
  if (serenade !== undefined && (only === undefined || only === 'serenade')) {
    const beside = await measureBesideSerenade();
    showBesideSerenade(beside);
    writeResults('recommend-serenade', beside);
  }
  if (gorse !== undefined && (only === undefined || only === 'gorse')) {
    const beside = await measureBesideGorse();
    if (beside === null) return;
    showBesideGorse(beside);
    writeResults('recommend-gorse', beside);
  }
};

const runModelsBench = async (): Promise<void> => {
  const shop = generate({ products, users });
  const recommender = createRecommender();
  for (const product of shop.products()) recommender.addProduct(product);
  console.log(`${thousands(products)} products, ${thousands(residentMiB())} MiB resident`);
  const learning = measureLearning(recommender, shop);
  const lists = asked.map((scenario) => measureLists(recommender, shop, scenario));
  // Before another one is restored beside it.
  const rssMiB = residentMiB();
  const snapshot = measureSnapshot(recommender);
  const service = process.env.SERVICE === 'on' ? await measureService() : undefined;
  const rows: string[][] = [
    ...learning.map(({ from, to, rate, rssMiB: after }) => [
      `events learned/s, ${thousands(from)}–${thousands(to)} (resident after it, MiB: ${thousands(after)})`,
      thousands(rate),
    ]),
    ...lists.map(({ scenario, rate }) => [`lists/s, ${scenario}`, thousands(rate)]),
    ['state written, s', (snapshot.writeMs / 1000).toFixed(1)],
    ['state restored, s', (snapshot.restoreMs / 1000).toFixed(1)],
    ['state as text, MiB', thousands(snapshot.mebibytes)],
    ['resident, MiB', thousands(rssMiB)],
    ...(service === undefined
      ? []
      : [
          ['requests/s through the gateway', thousands(service.rate)],
          ['p99, ms', service.p99Ms.toFixed(1)],
        ]),
  ];
  console.log(
    table([{ title: `${thousands(products)} products` }, { title: 'per core', right: true }], rows),
  );
  writeResults('recommend-speed', { products, users, events, learning, lists, snapshot, rssMiB, service });
};

type Shop = ReturnType<typeof generate>;

/** So many activities are there before they are learned: their time is not counted, and their memory is little. */
const madeAtOnce = 20_000;
const shownEveryMs = 5_000;

/** A large shop is learned for minutes: says how far it is. */
const createProgress = () => {
  let shownAtMs = performance.now();
  return (learned: number, rate: number): void => {
    if (performance.now() - shownAtMs < shownEveryMs) return;
    shownAtMs = performance.now();
    console.log(
      `${thousands(learned)} of ${thousands(events)} events learned, ${thousands(rate)}/s of CPU time, ${thousands(residentMiB())} MiB resident`,
    );
  };
};

/** In ten parts, so that the table shows whether learning slows down, and memory grows, as the state grows. */
const measureLearning = (recommender: Recommender, shop: Shop) => {
  const parts: { from: number; to: number; rate: number; rssMiB: number }[] = [];
  const partSize = Math.ceil(events / 10);
  const showProgress = createProgress();
  const stream = shop.activities(events);
  for (let from = 0; from < events; from += partSize) {
    const to = Math.min(events, from + partSize);
    let learningMs = 0;
    for (let made = from; made < to; made += madeAtOnce) {
      const size = Math.min(madeAtOnce, to - made);
      const some = Array.from({ length: size }, () => stream.next().value);
      const startedMs = cpuMs();
      for (const activity of some) if (activity !== undefined) recommender.learn(activity);
      learningMs += cpuMs() - startedMs;
      showProgress(made + size, perSecond(made + size - from, learningMs));
    }
    parts.push({ from, to, rate: perSecond(to - from, learningMs), rssMiB: residentMiB() });
  }
  return parts;
};

const measureLists = (recommender: Recommender, shop: Shop, scenario: Scenario) => {
  const queries = [...shop.queries(scenario, queriesPerScenario, beganMs + events * 50)];
  for (const query of queries.slice(0, 100)) recommender.recommend(query);
  const startedMs = cpuMs();
  for (const query of queries) recommender.recommend(query);
  return { scenario, rate: perSecond(queries.length, cpuMs() - startedMs) };
};

const measureSnapshot = (recommender: Recommender) => {
  let startedMs = cpuMs();
  let chars = 0;
  for (const line of recommender.snapshot()) chars += line.length + 1;
  const writeMs = cpuMs() - startedMs;
  const restored = createRecommender();
  startedMs = cpuMs();
  for (const line of recommender.snapshot()) restored.restore(line);
  return { writeMs, restoreMs: cpuMs() - startedMs - writeMs, mebibytes: mebibytes(chars) };
};

const measureService = async () => {
  const platform = await findPlatform(1000);
  try {
    const { gateway } = readRunFile(platform.runFile);
    const { body } = await shopAt(gateway).call<{ items: { id: string }[] }>(
      'GET',
      '/api/products?limit=100',
    );
    const ids = body.items.map(({ id }) => id);
    const agent = new Agent({ keepAlive: true, maxSockets: connections });
    const times: number[] = [];
    let next = 0;
    const ask = (nth: number) =>
      new Promise<void>((resolve, reject) => {
        const startedAtMs = performance.now();
        const id = ids[nth % ids.length];
        get(
          `${gateway}/api/recommendations?scenario=product&productId=${id}&limit=20`,
          { agent },
          (answer) => {
            answer.resume();
            answer.once('end', () => {
              if (answer.statusCode !== 200) return reject(new Error(`answered ${answer.statusCode}`));
              times.push(performance.now() - startedAtMs);
              resolve();
            });
          },
        ).once('error', reject);
      });
    const run = async () => {
      for (let nth = next++; nth < requests; nth = next++) await ask(nth);
    };
    const startedAtMs = performance.now();
    await Promise.all(Array.from({ length: connections }, run));
    const rate = perSecond(requests, performance.now() - startedAtMs);
    agent.destroy();
    times.sort((a, b) => a - b);
    return { rate, p99Ms: times[Math.floor(times.length * 0.99)] ?? 0 };
  } finally {
    await platform.stop();
  }
};
