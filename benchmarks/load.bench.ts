/**
 * `npm run bench load`: the highest rate of confirmed orders in a closed loop, and how long orders take at shares of it
 * in an open loop, where every order is due at its own time. Starts a platform unless CARTSTREAM_RUN names one or one
 * runs in `.local`.
 */
import { loadavg } from 'node:os';
import { findPlatform } from '../tests/running-platform.js';
import { ourShop, type System } from './checkout/systems.js';
import { writeDrawing } from './drawing.js';
import { shownSpread, spreadOf } from './figures.js';
import { buyAtRate, buyInLoop, type OrderCost } from './load/orders.js';
import { circumstancesNote, writeResults } from './results.js';
import { table } from './terminal.js';

const durationMs = Number(process.env.SECONDS ?? 10) * 1000;
const rounds = Number(process.env.ROUNDS ?? 3);
const buyerCounts = [32, 64];
const shares = [0.25, 0.5, 0.75, 0.9];
const bounds = { share: 0.5, acceptedP99Ms: 25, confirmedP99Ms: 150 };

type AtShare = {
  round: number;
  share: number;
  perSecond: number;
  acceptedP50Ms: number;
  acceptedP99Ms: number;
  confirmedP50Ms: number;
  confirmedP99Ms: number;
  sentLateP99Ms: number;
  openMax: number;
  failures: number;
  firstFailure?: string;
  load: number;
};
type Peak = OrderCost & { round: number; buyers: number; load: number };

export const runLoadBench = async (): Promise<void> => {
  const platform = await findPlatform(1000);
  try {
    const system = await ourShop(platform.runFile);
    const peaks: Peak[] = [];
    const atShares: AtShare[] = [];
    // The runtimes of a platform that has just started compile its code first, which is not what is measured.
    await buyInLoop(system, { buyers: Math.max(...buyerCounts), durationMs });
    for (let round = 0; round < rounds; round += 1) {
      const found = await findPeak(system, round);
      peaks.push(...found);
      // Each round goes by its own peak, since the machine's speed is not the same from minute to minute.
      const peak = Math.max(...found.map(({ perSecond }) => perSecond));
      for (const share of round % 2 === 0 ? shares : shares.toReversed())
        atShares.push(await measureAt(system, { round, share, perSecond: peak * share }));
    }
    report(peaks, atShares);
  } finally {
    await platform.stop();
  }
};

const loadNow = (): number => loadavg()[0] ?? Number.NaN;

const findPeak = async (system: System, round: number): Promise<Peak[]> => {
  const peaks: Peak[] = [];
  for (const buyers of buyerCounts) {
    const load = loadNow();
    const cost = await buyInLoop(system, { buyers, durationMs });
    peaks.push({ ...cost, round, buyers, load });
    console.log(
      `  round ${round + 1}/${rounds}, ${buyers} buyers in a closed loop: ${cost.perSecond.toFixed(1)}/s confirmed, ${cost.settledPerSecond.toFixed(1)}/s until in analytics, ${cost.cpuMsPerOrder.toFixed(2)} ms of CPU`,
    );
  }
  return peaks;
};

const measureAt = async (
  system: System,
  { round, share, perSecond }: { round: number; share: number; perSecond: number },
): Promise<AtShare> => {
  const load = loadNow();
  const { result } = await buyAtRate(system, { perSecond, durationMs, warmUpMs: durationMs / 3 });
  const { accepted, confirmed, sentLateP99Ms, openMax, failures, firstFailure } = result;
  console.log(
    `  round ${round + 1}/${rounds}, ${share} of it (${perSecond.toFixed(1)}/s): accepted p99 ${accepted.p99Ms.toFixed(0)} ms, confirmed p99 ${confirmed.p99Ms.toFixed(0)} ms${failures === 0 ? '' : `, ${failures} failed: ${firstFailure}`}`,
  );
  return {
    round,
    share,
    perSecond,
    acceptedP50Ms: accepted.p50Ms,
    acceptedP99Ms: accepted.p99Ms,
    confirmedP50Ms: confirmed.p50Ms,
    confirmedP99Ms: confirmed.p99Ms,
    sentLateP99Ms,
    openMax,
    failures,
    ...(firstFailure === undefined ? {} : { firstFailure }),
    load,
  };
};

const right = (title: string) => ({ title, right: true });

const report = (peaks: readonly Peak[], atShares: readonly AtShare[]): void => {
  const at = (share: number, key: keyof AtShare) =>
    spreadOf(atShares.filter((one) => one.share === share).map((one) => Number(one[key])));
  const keys = ['perSecond', 'acceptedP50Ms', 'acceptedP99Ms', 'confirmedP50Ms', 'confirmedP99Ms'] as const;
  console.log(
    `\norders at a fixed rate, median of ${rounds} rounds (lowest–highest)\n${table(
      ['of the peak', 'a second', 'accepted p50 ms', 'p99 ms', 'confirmed p50 ms', 'p99 ms', 'failed'].map(
        right,
      ),
      shares.map((share) => [
        String(share),
        ...keys.map((key) => shownSpread(at(share, key), key === 'perSecond' ? 1 : 0)),
        String(
          atShares.filter((one) => one.share === share).reduce((sum, { failures }) => sum + failures, 0),
        ),
      ]),
    )}`,
  );
  const verdicts = (['acceptedP99Ms', 'confirmedP99Ms'] as const).map((key) => {
    const measured = at(bounds.share, key);
    return { key, measured, atMost: bounds[key], holds: measured.median <= bounds[key] };
  });
  for (const { key, measured, atMost, holds } of verdicts)
    console.log(
      `at half the peak ${key} ${shownSpread(measured, 0)}, at most ${atMost}: ${holds ? 'holds' : 'missed'}`,
    );
  const loads = spreadOf([...peaks, ...atShares].map(({ load }) => load));
  console.log(`load average before each measurement: ${shownSpread(loads, 1)}`);
  const line = (name: string, key: (typeof keys)[number]) => ({
    name,
    points: shares.map((share) => ({ x: at(share, 'perSecond').median, y: at(share, key).median })),
  });
  writeDrawing(
    'order-latency',
    [
      {
        title: 'How long an order takes at a quarter, half, three quarters and nine tenths of the peak rate',
        xTitle: 'orders a second, at equal distances',
        yTitle: 'ms',
        lines: [
          line('confirmed, p99', 'confirmedP99Ms'),
          line('confirmed, p50', 'confirmedP50Ms'),
          line('accepted, p99', 'acceptedP99Ms'),
          line('accepted, p50', 'acceptedP50Ms'),
        ],
      },
    ],
    circumstancesNote(loads),
  );
  writeResults('load', { verdicts, peaks, atShares });
};
