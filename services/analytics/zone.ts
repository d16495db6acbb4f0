import { createBoundedMap } from '#platform/bounded-map';

/** A time zone of the IANA database. */
export type Zone = {
  readonly name: string;
  /** The changes of the offset within the period, in order; the first entry holds from `fromMs` on. */
  offsetsIn(fromMs: number, toMs: number): OffsetFrom[];
};

/** Local time is UTC plus `offsetMs`, from the instant `fromMs` until the next entry. */
export type OffsetFrom = { fromMs: number; offsetMs: number };

export const zoneNameCharsMax = 64;

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const zonesKeptMax = 64;
const zones = createBoundedMap<Zone>(zonesKeptMax);

/** Undefined for what is no name of the database. An offset such as `+02:00` is none: it knows no summer time. */
export const zoneNamed = (name: string): Zone | undefined => {
  if (name.length > zoneNameCharsMax || !/^[A-Za-z][\w+-]*(\/[\w+-]+)*$/.test(name)) return undefined;
  const key = name.toLowerCase();
  const known = zones.get(key);
  if (known !== undefined) return known;
  try {
    const zone = createZone(name);
    zones.set(key, zone);
    return zone;
  } catch {
    return undefined;
  }
};

/** Throws a RangeError for an unknown name. */
const createZone = (name: string): Zone => {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: name,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  const offsetAt = (ms: number): number => {
    const [month = 1, day = 1, year = 1970, hour = 0, minute = 0, second = 0] = (
      format.format(ms).match(/\d+/g) ?? []
    ).map(Number);
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(ms / 1000) * 1000;
  };
  const years = new Map<number, OffsetFrom[]>();
  /** The offset at the start of the UTC year, and each change within it. */
  const ofYear = (year: number): OffsetFrom[] => {
    const known = years.get(year);
    if (known !== undefined) return known;
    const found = changesBetween(Date.UTC(year), Date.UTC(year + 1), offsetAt);
    years.set(year, found);
    return found;
  };
  return {
    name: format.resolvedOptions().timeZone,
    offsetsIn: (fromMs, toMs) => {
      const [first, last] = [new Date(fromMs).getUTCFullYear(), new Date(toMs).getUTCFullYear()];
      const all = Array.from({ length: last - first + 1 }, (_, index) => ofYear(first + index)).flat();
      const before = all.findLast((change) => change.fromMs <= fromMs) ?? { offsetMs: 0 };
      const within = all.filter((change) => change.fromMs > fromMs && change.fromMs < toMs);
      const changes = [{ fromMs, offsetMs: before.offsetMs }, ...within];
      return changes.filter(({ offsetMs }, index) => offsetMs !== changes[index - 1]?.offsetMs);
    },
  };
};

/** Looks once a day, which no zone changes its offset twice within, and finds each change to the second. */
const changesBetween = (fromMs: number, toMs: number, offsetAt: (ms: number) => number): OffsetFrom[] => {
  const changes: OffsetFrom[] = [{ fromMs, offsetMs: offsetAt(fromMs) }];
  for (let lowMs = fromMs; lowMs < toMs; lowMs += dayMs) {
    const highMs = Math.min(lowMs + dayMs, toMs);
    const [before, after] = [changes.at(-1)?.offsetMs ?? 0, offsetAt(highMs)];
    if (before === after) continue;
    let [low, high] = [lowMs / 1000, highMs / 1000];
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (offsetAt(middle * 1000) === before) low = middle;
      else high = middle;
    }
    if (high * 1000 < toMs) changes.push({ fromMs: high * 1000, offsetMs: after });
  }
  return changes;
};

export const localUnits = ['hour', 'day', 'week', 'month'] as const;

export type LocalUnit = (typeof localUnits)[number];

/** No bucket of the unit is longer, also where the clocks change or a day is left out. */
const longestMs: Record<LocalUnit, number> = {
  hour: 3 * hourMs,
  day: 2 * dayMs + 3 * hourMs,
  week: 8 * dayMs,
  month: 32 * dayMs,
};

/**
 * The starts of the buckets that [fromMs, toMs) touches, and the end of the last one, all in order. A day begins at the
 * first instant of its date, so it has 23 or 25 hours where the clocks change; an hour begins where a local clock shows a
 * full hour; weeks begin on Monday.
 */
export const bucketEdges = (zone: Zone, unit: LocalUnit, fromMs: number, toMs: number): number[] => {
  const marginMs = longestMs[unit] + dayMs;
  const [lowMs, highMs] = [fromMs - marginMs, toMs + marginMs];
  const offsets = zone.offsetsIn(lowMs, highMs);
  const starts = unit === 'hour' ? hourStarts(offsets, highMs) : dateStarts(offsets, highMs, dateKeys[unit]);
  const first = starts.findLastIndex((start) => start <= fromMs);
  const end = starts.findIndex((start) => start >= toMs);
  return starts.slice(Math.max(first, 0), end + 1);
};

/** Days with the same number are of the same bucket; the first of January 1970 was a Thursday. */
const dateKeys: Record<Exclude<LocalUnit, 'hour'>, (day: number) => number> = {
  day: (day) => day,
  week: (day) => Math.floor((day + 3) / 7),
  month: (day) => {
    const date = new Date(day * dayMs);
    return date.getUTCFullYear() * 12 + date.getUTCMonth();
  },
};

const hourStarts = (offsets: readonly OffsetFrom[], endMs: number): number[] =>
  offsets.flatMap(({ fromMs, offsetMs }, index) => {
    const untilMs = offsets[index + 1]?.fromMs ?? endMs;
    const starts: number[] = [];
    const firstMs = Math.ceil((fromMs + offsetMs) / hourMs) * hourMs - offsetMs;
    for (let startMs = firstMs; startMs < untilMs; startMs += hourMs) starts.push(startMs);
    return starts;
  });

/** The first instant of each date after that of the first offset, as far as its key differs from the date before. */
const dateStarts = (
  offsets: readonly OffsetFrom[],
  endMs: number,
  keyOf: (day: number) => number,
): number[] => {
  const starts: number[] = [];
  let last: number | undefined;
  for (const [index, { fromMs, offsetMs }] of offsets.entries()) {
    const untilMs = offsets[index + 1]?.fromMs ?? endMs;
    const firstDay = Math.floor((fromMs + offsetMs) / dayMs);
    last ??= firstDay;
    for (let day = firstDay; day === firstDay || day * dayMs - offsetMs < untilMs; day += 1) {
      // A date that comes a second time, because the clocks went back over midnight, has begun already.
      if (day <= last) continue;
      if (keyOf(day) !== keyOf(last)) starts.push(Math.max(day * dayMs - offsetMs, fromMs));
      last = day;
    }
  }
  return starts;
};
