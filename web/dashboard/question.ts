/** What the dashboard is asked, as its address says it: reload, share and Back reproduce the view. */

export const ranges = ['hour', 'today', 'yesterday', '7d', '30d', '90d', 'custom'] as const;
export type Range = (typeof ranges)[number];

export const metrics = ['net', 'orders', 'conversion', 'average', 'visits', 'refunds'] as const;
export type Metric = (typeof metrics)[number];

export type Question = {
  range: Range;
  /** Set for a range of one's own, RFC 3339. */
  from?: string;
  to?: string;
  tz: string;
  compare: boolean;
  metric: Metric;
  /** Only products below this category. */
  category?: string;
  product?: string;
  /** Amounts of several currencies have no sum, so one of them is looked at. */
  currency?: string;
};

export type Granularity = 'minute' | 'hour' | 'day';

/** The period that is asked for; `to` is the end of the bucket in which now lies. */
export type Period = { from: string; to: string; granularity: Granularity };

export const homeZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';

const isOneOf = <T extends string>(list: readonly T[], value: unknown): value is T =>
  list.includes(value as T);

/** An instant as the API takes it: what a person has typed into the address may be a date. */
const timeIn = (value: unknown): string | undefined =>
  typeof value === 'string' && value.length <= 40 && !Number.isNaN(Date.parse(value))
    ? iso(Date.parse(value))
    : undefined;

const isZone = (value: unknown): value is string => {
  if (typeof value !== 'string' || value.length > 64) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: value });
    return true;
  } catch {
    return false;
  }
};

/** Whatever is not understood is as if it were not there. */
export const questionIn = (search: Record<string, unknown>, zone = homeZone()): Question => {
  const [from, to] = [timeIn(search.from), timeIn(search.to)];
  const isOwn = search.range === 'custom' && from !== undefined && to !== undefined && from < to;
  const range =
    isOneOf(ranges, search.range) && (search.range !== 'custom' || isOwn) ? search.range : 'today';
  return {
    range,
    ...(isOwn ? { from, to } : {}),
    tz: isZone(search.tz) ? search.tz : zone,
    compare: search.compare !== 'no',
    metric: isOneOf(metrics, search.metric) ? search.metric : 'net',
    ...(typeof search.category === 'string' && search.category !== ''
      ? { category: search.category.slice(0, 200) }
      : {}),
    ...(typeof search.product === 'string' && search.product !== ''
      ? { product: search.product.slice(0, 64) }
      : {}),
    ...(typeof search.currency === 'string' && /^[A-Z]{3}$/.test(search.currency)
      ? { currency: search.currency }
      : {}),
  };
};

/** The same as an address, without what is so for everybody. Whoever gets it may be at home in another zone. */
export const searchOf = (question: Question): Record<string, string> => {
  const { range, from, to, tz, compare, metric, category, product, currency } = question;
  return {
    ...(range === 'today' ? {} : { range }),
    ...(range === 'custom' && from && to ? { from, to } : {}),
    tz,
    ...(compare ? {} : { compare: 'no' }),
    ...(metric === 'net' ? {} : { metric }),
    ...(category ? { category } : {}),
    ...(product ? { product } : {}),
    ...(currency ? { currency } : {}),
  };
};

/** The currencies to choose from. That of the question is one of them, else there would be no way out of it. */
export const currencyChoices = (
  { currency }: Pick<Question, 'currency'>,
  found: readonly string[],
): string[] => [...new Set([...found, ...(currency === undefined ? [] : [currency])])];

const hourMs = 3_600_000;
const dayMs = 86_400_000;
const youngDayMs = 3 * hourMs;

/** The offset of a zone from UTC at an instant, ms. */
const offsetMs = (atMs: number, tz: string): number => {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone: tz,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(atMs);
  const of = (type: string): number => Number(parts.find((part) => part.type === type)?.value);
  return (
    Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second')) -
    Math.floor(atMs / 1000) * 1000
  );
};

/** When the calendar day of a zone began that lies `daysBack` before the one of `atMs`. Days of 23 and 25 hours are whole days. */
export const startOfDay = (atMs: number, tz: string, daysBack = 0): number => {
  const local = new Date(atMs + offsetMs(atMs, tz));
  const midnight = Date.UTC(local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate() - daysBack);
  // The offset at midnight may be another than now.
  const guess = midnight - offsetMs(midnight - offsetMs(atMs, tz), tz);
  const startMs = midnight - offsetMs(guess, tz);
  // Where the clocks skip midnight the day begins with its first hour, not with the last one of the day before.
  return startMs + offsetMs(startMs, tz) < midnight ? guess : startMs;
};

/** When the hour began that a clock in the zone shows: in India half an hour after it does in London. */
export const startOfHour = (atMs: number, tz: string): number => {
  const localMs = atMs + offsetMs(atMs, tz);
  return atMs - (((localMs % hourMs) + hourMs) % hourMs);
};

const iso = (ms: number): string => new Date(ms).toISOString();

export const periodOf = (
  { range, from, to, tz }: Pick<Question, 'range' | 'from' | 'to' | 'tz'>,
  nowMs: number,
): Period => {
  const endOfMinute = Math.ceil((nowMs + 1) / 60_000) * 60_000;
  switch (range) {
    case 'hour':
      return { from: iso(endOfMinute - hourMs), to: iso(endOfMinute), granularity: 'minute' };
    case 'today': {
      const fromMs = startOfDay(nowMs, tz);
      // Of a day that has just begun, hours would be one or two points.
      if (nowMs - fromMs < youngDayMs)
        return { from: iso(fromMs), to: iso(endOfMinute), granularity: 'minute' };
      return { from: iso(fromMs), to: iso(Math.ceil((nowMs + 1) / hourMs) * hourMs), granularity: 'hour' };
    }
    case 'yesterday':
      return { from: iso(startOfDay(nowMs, tz, 1)), to: iso(startOfDay(nowMs, tz)), granularity: 'hour' };
    case 'custom': {
      const lengthMs = Date.parse(to ?? '') - Date.parse(from ?? '');
      const granularity = lengthMs <= 6 * hourMs ? 'minute' : lengthMs <= 4 * dayMs ? 'hour' : 'day';
      return { from: from ?? iso(nowMs - dayMs), to: to ?? iso(nowMs), granularity };
    }
    default: {
      const days = Number.parseInt(range, 10);
      return {
        from: iso(startOfDay(nowMs, tz, days - 1)),
        to: iso(startOfDay(nowMs, tz, -1)),
        granularity: 'day',
      };
    }
  }
};

/** A bucket of a chart as a question of its own: a day opens its hours, an hour its minutes. */
export const into = (question: Question, fromMs: number, granularity: Granularity): Question => {
  if (granularity === 'minute') return question;
  const toMs = granularity === 'hour' ? fromMs + hourMs : startOfDay(fromMs + 12 * hourMs, question.tz, -1);
  return { ...question, range: 'custom', from: iso(fromMs), to: iso(toMs) };
};

/**
 * The period before, of the same days or hours. `totalsTo` is where its totals end: a running day compares with the same
 * hours, not with a whole day.
 */
export const previousOf = (
  question: Question,
  period: Period,
  nowMs: number,
): Period & { totalsTo: string } => {
  const { tz } = question;
  const [fromMs, toMs] = [Date.parse(period.from), Date.parse(period.to)];
  const daysBack = { today: 1, yesterday: 1, '7d': 7, '30d': 30, '90d': 90 }[question.range as string];
  const back = (atMs: number): number => {
    if (daysBack === undefined) return atMs - (toMs - fromMs);
    const dayMs = startOfDay(atMs, tz);
    return startOfDay(atMs, tz, daysBack) + (atMs - dayMs);
  };
  const endMs = Math.min(toMs, Math.floor(nowMs / 60_000) * 60_000);
  return {
    from: iso(back(fromMs)),
    to: iso(back(toMs)),
    granularity: period.granularity,
    totalsTo: iso(back(Math.max(endMs, fromMs + 60_000))),
  };
};
