import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { engines } from '#platform/testing/engines';
import { dataSetsFolder } from '../../local/data-sets.js';
import { findPlatform } from '../../tests/running-platform.js';
import { readRunFile, shopAt } from '../../tests/shop.js';
import { percentile, type Spread, shownSpread, spreadOf } from '../figures.js';
import { firstSeen, probeProduct, probeVisitor, readCatalogue, type Seen } from '../shelves/probes.js';
import { table } from '../terminal.js';
import { answersOf } from './batch-answers.js';
import { type Gorse, startGorse } from './gorse.js';
import {
  eachWithin,
  limit,
  load,
  ndjson,
  ourPath,
  rounds,
  type Served,
  startOurs,
  visitorsMax,
} from './our-lists.js';
import { type Lists, mean, scoresOf } from './scoring.js';
import { filesOfSplits, missingFiles, retailrocketSplits, type Split } from './splits.js';
import { type Audience, audienceOf, type View, type Visitor } from './visitors.js';

const fitMsMax = Number(process.env.FIT_MINUTES ?? 60) * 60_000;
const probes = Number(process.env.PROBES ?? 30);
const atOnce = 8;

/** Of one side; times in milliseconds, null where a list has never shown it. */
export type GorseSide = {
  quality: { split: string; hitRate: number; reciprocalRank: number }[];
  served: { rate: Spread; ratePerCpu: Spread; p99Ms: Spread; failures: number };
  click: (number | null)[];
  arrival: (number | null)[];
  similar: (number | null)[];
};

export type BesideGorse = { fitMs: number; ours: GorseSide; gorse: GorseSide };

/**
 * Both learn the Retailrocket visits, answer its splits, and serve the same visitors by turns. Then, without any load, clicks and new
 * products: ours through the gateway of the platform, Gorse's at its own port.
 */
export const measureBesideGorse = async (): Promise<BesideGorse | null> => {
  const missing = missingFiles(dataSetsFolder, filesOfSplits.retailrocket);
  if (missing.length > 0) {
    console.log(`skipped: there is no ${missing.join(', ')} in ${dataSetsFolder}`);
    return null;
  }
  const platform = await findPlatform(1_000);
  process.env.CARTSTREAM_RUN = platform.runFile;
  const gorse = await startGorse(engines().databaseUrl);
  try {
    const audience = audienceOf(visitorsMax);
    await gorse.learn(audience.views.slice(0, audience.earlier));
    const fitMs = await gorse.fit(fitMsMax);
    console.log(`Gorse has fitted in ${Math.round(fitMs / 1000)} s`);
    const quality = await measureQuality(gorse);
    const served = await measureServed(gorse, audience);
    const fresh = {
      ours: await measureOurFreshness(platform.runFile),
      gorse: await measureFreshness(gorse, audience),
    };
    return {
      fitMs,
      ours: { quality: quality.ours, served: served.ours, ...fresh.ours },
      gorse: { quality: quality.gorse, served: served.gorse, ...fresh.gorse },
    };
  } finally {
    await gorse.stop();
    await platform.stop();
  }
};

const measureQuality = async (gorse: Gorse) => {
  const folder = mkdtempSync(join(tmpdir(), 'cartstream-gorse-quality-'));
  const of = (split: Split, lists: Lists) => {
    const scores = scoresOf(split, lists);
    const [hitRate, reciprocalRank] = [
      mean(scores.map(([hit]) => hit)),
      mean(scores.map(([, rank]) => rank)),
    ];
    return { split: split.name, hitRate, reciprocalRank };
  };
  try {
    const quality: Record<'ours' | 'gorse', GorseSide['quality']> = { ours: [], gorse: [] };
    for (const split of retailrocketSplits(dataSetsFolder, 'test')) {
      quality.ours.push(of(split, (await answersOf(split, folder)).lists));
      quality.gorse.push(of(split, await gorseLists(gorse, split)));
    }
    return quality;
  } finally {
    rmSync(folder, { recursive: true });
  }
};

/**
 * It is asked as for a user who has viewed the visit's products. For a session it would add up the same neighbours, but 0.5.9
 * answers nothing there when its scores are in PostgreSQL and products have no category of the empty name.
 */
const gorseLists = async (gorse: Gorse, { name, queries }: Split): Promise<Lists> => {
  const userOf = (queryId: string): string => `${name}-${queryId}`;
  const viewsOf = ({ queryId, visit = [], at }: Split['queries'][number]): View[] =>
    visit.map((productId, nth) => ({
      type: 'product_viewed',
      visitId: userOf(queryId),
      productId,
      occurredAt: new Date(Date.parse(at) + nth).toISOString(),
    }));
  await gorse.learn(queries.flatMap(viewsOf));
  const lists = new Map<string, readonly string[]>();
  await eachWithin(queries, atOnce, async ({ queryId, productId, exclude = [] }) => {
    const unwanted = new Set([productId, ...exclude]);
    const found = await gorse.listOf(userOf(queryId), limit + unwanted.size);
    lists.set(queryId, found.filter((id) => !unwanted.has(id)).slice(0, limit));
  });
  return lists;
};

const measureServed = async (gorse: Gorse, audience: Audience) => {
  const { visitors, views, atMs } = audience;
  const folder = mkdtempSync(join(tmpdir(), 'cartstream-gorse-served-'));
  const eventsFile = join(folder, 'events.ndjson');
  writeFileSync(eventsFile, ndjson(views));
  const inView = visitors.map(
    ({ visitId, inView: productId }): View => ({
      type: 'product_viewed',
      visitId,
      productId,
      occurredAt: new Date(atMs).toISOString(),
    }),
  );
  await gorse.learn([...views.slice(audience.earlier), ...inView]);
  const ours = await startOurs(audience, eventsFile);
  const measured: Record<'ours' | 'gorse', Served[]> = { ours: [], gorse: [] };
  try {
    const gorsePath = ({ visitId }: Visitor): string => `/api/recommend/${visitId}?n=${limit}`;
    for (let round = 0; round < rounds; round += 1) {
      measured.ours.push(await load(ours.origin, ours.pid, visitors.map(ourPath)));
      measured.gorse.push(await load(gorse.origin, gorse.pid(), visitors.map(gorsePath)));
    }
  } finally {
    await ours.stop();
    rmSync(folder, { recursive: true });
  }
  const of = (all: readonly Served[]): GorseSide['served'] => ({
    rate: spreadOf(all.map(({ rate }) => rate)),
    ratePerCpu: spreadOf(all.map(({ ratePerCpu }) => ratePerCpu)),
    p99Ms: spreadOf(all.map(({ p99Ms }) => p99Ms)),
    failures: all.reduce((sum, { failures }) => sum + failures, 0),
  });
  return { ours: of(measured.ours), gorse: of(measured.gorse) };
};

const msOf = (seen: Seen): number | null => seen?.ms ?? null;

type Freshness = Pick<GorseSide, 'click' | 'arrival' | 'similar'>;

const measureOurFreshness = async (runFile: string): Promise<Freshness> => {
  const { gateway, adminEmail, adminPassword } = readRunFile(runFile);
  const shop = shopAt(gateway);
  const token = await shop.login(adminEmail, adminPassword);
  const catalogue = await readCatalogue(shop);
  const some = (nth: number) => catalogue[nth % catalogue.length]!;
  const measured: Freshness = { click: [], arrival: [], similar: [] };
  for (let nth = 0; nth < probes; nth += 1) {
    const { home } = await probeVisitor(shop, [some(2 * nth), some(2 * nth + 1)]);
    const { newArrivals, similar } = await probeProduct(shop, token, some(7 * nth));
    measured.click.push(msOf(home));
    measured.arrival.push(msOf(newArrivals));
    measured.similar.push(msOf(similar));
  }
  return measured;
};

/** A click counts when the visitor's list is no longer the one before it; a new product when it has neighbours. */
const measureFreshness = async (gorse: Gorse, { visitors }: Audience): Promise<Freshness> => {
  const measured: Freshness = { click: [], arrival: [], similar: [] };
  const waiting: Promise<Seen>[] = [];
  const isThere = (): boolean => true;
  for (let nth = 0; nth < probes; nth += 1) {
    const visitId = `clicks-${nth}`;
    const [first, second] = [visitors[2 * nth]!.inView, visitors[2 * nth + 1]!.inView];
    const view = (productId: string): View => ({
      type: 'product_viewed',
      visitId,
      productId,
      occurredAt: new Date().toISOString(),
    });
    await gorse.learn([view(first)]);
    const before = (await gorse.listOf(visitId, limit)).join(' ');
    await gorse.learn([view(second)]);
    const changed = async () => ((await gorse.listOf(visitId, limit)).join(' ') === before ? [] : [visitId]);
    measured.click.push(msOf(await firstSeen(performance.now(), changed, isThere)));

    const productId = `arrival-${nth}`;
    await gorse.create(productId);
    const createdAtMs = performance.now();
    measured.arrival.push(
      msOf(
        await firstSeen(
          createdAtMs,
          () => gorse.latest(limit),
          (id) => id === productId,
        ),
      ),
    );
    await gorse.learn([view(productId)]);
    waiting.push(firstSeen(createdAtMs, () => gorse.similarTo(productId, limit), isThere));
  }
  measured.similar.push(...(await Promise.all(waiting)).map(msOf));
  return measured;
};

export const showBesideGorse = ({ fitMs, ours, gorse }: BesideGorse): void => {
  const both = (title: string, figure: (side: GorseSide) => string): string[] => [
    title,
    figure(ours),
    figure(gorse),
  ];
  const waits = (all: readonly (number | null)[]): string => {
    const seen = all.filter((ms) => ms !== null);
    const never = all.length - seen.length;
    const shown = [0.5, 0.99].map((share) => percentile(seen, share).toFixed(0)).join(' / ');
    return [seen.length === 0 ? '' : shown, never === 0 ? '' : `${never} not within a minute`]
      .filter((part) => part !== '')
      .join(', ');
  };
  console.log(
    table(
      [{ title: 'Retailrocket' }, { title: 'ours', right: true }, { title: 'Gorse', right: true }],
      [
        ...ours.quality.map(({ split }, nth) =>
          both(`${split}, HR@20 / MRR@20`, ({ quality }) => {
            const { hitRate, reciprocalRank } = quality[nth]!;
            return `${hitRate.toFixed(3)} / ${reciprocalRank.toFixed(3)}`;
          }),
        ),
        both('requests/s', ({ served }) => shownSpread(served.rate, 0)),
        both('requests/CPU-s of the process', ({ served }) => shownSpread(served.ratePerCpu, 0)),
        both('p99 ms', ({ served }) => shownSpread(served.p99Ms, 1)),
        both('failures', ({ served }) => String(served.failures)),
        both('a click to the list, p50 / p99 ms', ({ click }) => waits(click)),
        both('a new product to the new arrivals', ({ arrival }) => waits(arrival)),
        both('a new product to its neighbours', ({ similar }) => waits(similar)),
        ['fitting the visits, s', 'as they come', (fitMs / 1000).toFixed(0)],
      ],
    ),
  );
};
