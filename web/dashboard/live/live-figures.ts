import { useEffect, useState } from 'react';
import type { StreamState } from '../../api/live-stream.ts';
import type { components } from '../../api/schema.d.ts';
import { useLive } from '../../staff/live.ts';
import { createRingBuffer, type RingBuffer } from './ring-buffer.ts';

type LiveUpdate = components['schemas']['LiveUpdate'];

const minutesKept = 30;
const tenSecondsKept = 60;
/** The stream may be faster; the screen is drawn once in so long. */
const commitMs = 1_000;

export type LiveFigures = {
  state: StreamState;
  /** The stream is open, and its source has nothing that is complete yet. */
  isWaiting: boolean;
  asOf: string | undefined;
  lagMs: number;
  /** The one that was asked for, else the first in which something was sold. */
  currency: string | undefined;
  /** The last thirty minutes, oldest first; null where nothing is known. */
  minutes: { gmv: readonly (number | null)[]; orders: readonly (number | null)[]; newestMs: number };
  /** Seconds since the epoch and the money of each ten seconds of the last ten minutes. */
  tenSeconds: [number[], (number | null)[]];
  visitorsNow: number | null;
  /** Grows whenever the number of orders has changed. */
  landed: number;
};

/** What has happened in the shop in these minutes, drawn once a second from buffers that do not grow. */
export const useLiveFigures = (currency: string | undefined): LiveFigures => {
  const [buffers] = useState(createLiveBuffers);
  const [figures, setFigures] = useState<Omit<LiveFigures, 'state'>>(() => buffers.figures(currency));
  const state = useLive(['analytics'], ({ type, data }) => {
    if (type === 'analytics') buffers.take(data as LiveUpdate);
    if (type === 'topic-away') buffers.wait();
  });
  useEffect(() => {
    setFigures(buffers.figures(currency));
    const timer = setInterval(() => {
      if (!document.hidden && buffers.isChanged()) setFigures(buffers.figures(currency));
    }, commitMs);
    return () => clearInterval(timer);
  }, [buffers, currency]);
  return { state, ...figures };
};

const currenciesMax = 8;
/** The first update has all that happened in so long before it. */
const knownBeforeMs = { minute: 15 * 60_000, tenSeconds: 5 * 60_000 };

type Money = { minute: RingBuffer; tenSeconds: RingBuffer };

// Over seventy lines: the buffers of one stream, and what each of its events puts into them.
/** The newest windows of each currency. A window in which nothing happened is not sent: it counts 0 once it is over. */
export const createLiveBuffers = () => {
  const money = new Map<string, Money>();
  const orders = createRingBuffer(minutesKept);
  const visitors = createRingBuffer(minutesKept);
  let last: Pick<LiveUpdate, 'asOf' | 'lagMs'> | undefined;
  let firstAsOfMs = Number.POSITIVE_INFINITY;
  let landed = 0;
  let isChanged = false;
  let isWaiting = false;

  const moneyOf = (currency: string): Money | undefined => {
    const known = money.get(currency);
    if (known !== undefined || money.size >= currenciesMax) return known;
    const made = { minute: createRingBuffer(minutesKept), tenSeconds: createRingBuffer(tenSecondsKept) };
    money.set(currency, made);
    return made;
  };

  /** The values up to the window in which `asOf` lies. */
  const readUpTo = (buffer: RingBuffer | undefined, size: number, ms: number, knownMs: number) => {
    // Before the first update nothing is known, but these minutes are: the axis is theirs.
    const asOfMs = last === undefined ? Date.now() : Date.parse(last.asOf);
    if (last !== undefined) buffer?.advance(Math.floor(asOfMs / ms));
    const newest = buffer?.newest ?? Math.floor(asOfMs / ms);
    const values = buffer?.read([]) ?? Array.from({ length: size }, () => null);
    const known = values.map((value, at) => {
      const fromMs = (newest - (size - 1 - at)) * ms;
      return value ?? (fromMs >= firstAsOfMs - knownMs && fromMs <= asOfMs ? 0 : null);
    });
    return { values: known, newest };
  };

  return {
    isChanged: () => isChanged,
    wait: (): void => {
      isChanged ||= !isWaiting;
      isWaiting = true;
    },
    take: (update: LiveUpdate): void => {
      last = update;
      isWaiting = false;
      firstAsOfMs = Math.min(firstAsOfMs, Date.parse(update.asOf));
      isChanged = true;
      for (const window of update.minutes) {
        const place = Date.parse(window.from) / 60_000;
        for (const { currency, amountMinor } of window.gmv) moneyOf(currency)?.minute.set(place, amountMinor);
        orders.set(place, window.orders);
        visitors.set(place, window.visitors);
      }
      for (const window of update.tenSeconds) {
        const place = Date.parse(window.from) / 10_000;
        for (const { currency, amountMinor } of window.gmv)
          moneyOf(currency)?.tenSeconds.set(place, amountMinor);
        if (window.orders > 0) landed += 1;
      }
    },
    figures: (currency: string | undefined): Omit<LiveFigures, 'state'> => {
      isChanged = false;
      const shown = currency ?? money.keys().next().value;
      const own = money.get(shown ?? '');
      const minute = readUpTo(own?.minute, minutesKept, 60_000, knownBeforeMs.minute);
      const fast = readUpTo(own?.tenSeconds, tenSecondsKept, 10_000, knownBeforeMs.tenSeconds);
      return {
        isWaiting,
        asOf: last?.asOf,
        lagMs: last?.lagMs ?? 0,
        currency: shown,
        minutes: {
          gmv: minute.values,
          orders: readUpTo(orders, minutesKept, 60_000, knownBeforeMs.minute).values,
          newestMs: minute.newest * 60_000,
        },
        tenSeconds: [fast.values.map((_, at) => (fast.newest - (tenSecondsKept - 1 - at)) * 10), fast.values],
        visitorsNow: readUpTo(visitors, minutesKept, 60_000, knownBeforeMs.minute).values.at(-1) ?? null,
        landed,
      };
    },
  };
};
