import { z } from 'zod';
import { instant, matching, text } from '#platform/http/text';
import type { Gathered } from './gathered-rows.js';
import {
  type AskedPeriod,
  bucketsMax,
  type CalendarGranularity,
  clickHouseSecond,
  type Period,
  type PeriodRefusal,
  periodOf,
  utc,
  wholePeriodOf,
} from './period.js';
import { type Zone, zoneNameCharsMax, zoneNamed } from './zone.js';

/** A statement with ClickHouse's own parameters (`{name:Type}`): what a caller sends is never part of the text. */
export type Query = {
  sql: string;
  params: Record<string, unknown>;
  /** It reads sums instead of raw rows, and so waits for none of those that do. */
  isQuick?: true;
  gathered?: Gathered;
};

/**
 * What an answer is made of, and so what `asOf` is about: the ledger of sales, the shoppers' activity, both, or both and the
 * events of orders, which say with which visit an order was sent; or what the windowed jobs compute.
 */
export type Source = 'sales' | 'activity' | 'salesAndActivity' | 'salesActivityAndOrders' | WindowedSource;

export type WindowedSource = 'visits' | 'performance' | 'stockOuts' | 'fraudSignals';

/** A refusal of what was asked; `path` is a JSON pointer to the parameter or field. */
export type Refused = { code: string; detail: string; errors: readonly { path: string; message: string }[] };

export type Question = {
  about: Source;
  queries: readonly Query[];
  /** The answer from the rows of each query. */
  answerOf(found: readonly (readonly never[])[]): { items: readonly object[]; truncated?: boolean };
};

/** A question that can be asked at an address; `row-routes.ts` serves it. */
export type Endpoint = {
  /** Below `/api/analytics/`; also the name of the file for those who download rows. */
  name: string;
  /** The name of the answer in the OpenAPI document. */
  id: string;
  summary: string;
  description: string;
  querystring: z.ZodObject;
  row: z.ZodObject;
  /** What the answer has beside its rows. */
  also?: z.ZodRawShape;
  /** Another address, at which staff see it who are no analysts. */
  forStaffAt?: string;
  question(asked: never, nowMs: number): Question | { refused: Refused };
};

/** Checks that `question` takes what `querystring` gives. */
export const endpoint = <Q extends z.ZodObject>(
  definition: Omit<Endpoint, 'querystring' | 'question'> & {
    querystring: Q;
    question(asked: z.output<Q>, nowMs: number): Question | { refused: Refused };
  },
): Endpoint => definition;

const zoneName = text(zoneNameCharsMax).refine(
  (name) => zoneNamed(name) !== undefined,
  'is no name of the IANA time zone database, such as Europe/London',
);

export const tz = zoneName
  .default('UTC')
  .describe(
    'A time zone of the IANA database, by whose calendar days begin. Days on which its clocks change have 23 or 25 hours.',
  );

/** Of an answer that has no days: taken, as by all others, and without effect. */
export const tzWithoutDays = tz.describe(
  'A time zone of the IANA database. It changes nothing here: no day begins in the answer.',
);

export const comparison = z
  .enum(['previous'])
  .optional()
  .describe('`previous` adds to each row what it was in the period just before, of the same length.');

/** The parameters that every question about a period has. */
export const periodQuery = { from: instant.optional(), to: instant.optional(), tz };

export type PeriodAsked = { from?: string | undefined; to?: string | undefined; tz: string };

export const currencyAsked = matching(3, /^[A-Z]{3}$/, 'must be an ISO 4217 code, such as EUR').optional();

/** A sum over many orders may exceed the safe integers; the answer then has the nearest number. */
export const count = z.number().meta({ type: 'integer' });
export const share = z.number().describe('Between 0 and 1.');
export const currency = z.string().describe('ISO 4217. Amounts of different currencies are never added up.');
export const instantOf = z.iso.datetime();

/** What every answer has whose rows are limited. */
export const truncatedField = {
  truncated: z
    .boolean()
    .describe(
      'True if there are more rows than `limit`. CSV and NDJSON have it as the header `X-Truncated`.',
    ),
};

/** The rows of an answer, of which one more than `limit` was asked for. */
export const cutAt = <Row>(limit: number, rows: readonly Row[]) => ({
  items: rows.slice(0, limit),
  truncated: rows.length > limit,
});

/** The zone of a name that the schema has checked. */
export const zoneOf = (name: string): Zone => zoneNamed(name) ?? utc;

const timesOf = ({ from, to }: Omit<PeriodAsked, 'tz'>): AskedPeriod => ({
  fromMs: from === undefined ? undefined : Date.parse(from),
  toMs: to === undefined ? undefined : Date.parse(to),
});

/** The period in whole buckets, or why there is none. */
export const bucketPeriod = (
  asked: PeriodAsked,
  granularity: CalendarGranularity,
  nowMs: number,
): Period | { refused: Refused } => orRefused(periodOf(timesOf(asked), granularity, nowMs, zoneOf(asked.tz)));

/** The period of an answer without buckets (see `wholePeriodOf`), or why there is none. */
export const wholePeriod = (
  asked: PeriodAsked,
  nowMs: number,
  daysAsDefault: number,
): Period | { refused: Refused } =>
  orRefused(wholePeriodOf(timesOf(asked), nowMs, zoneOf(asked.tz), daysAsDefault));

export const periodRounding = (days: number): string =>
  `The period is rounded outwards to whole minutes up to a week, to whole hours of the zone up to 60 weeks, else to its whole days. Without \`from\` it is the last ${days} days.`;

const orRefused = (period: ReturnType<typeof periodOf>): Period | { refused: Refused } =>
  'refused' in period
    ? {
        refused: {
          code: 'invalid_period',
          detail: 'The period is not valid.',
          errors: [{ path: `/${period.parameter}`, message: refusalMessages[period.refused] }],
        },
      }
    : period;

const refusalMessages: Record<PeriodRefusal, string> = {
  not_before_to: 'must be before `to`',
  too_many_buckets: `is more than ${bucketsMax} buckets before \`to\``,
  not_before_now: 'must be in the past if `to` is not given',
  out_of_range: 'must lie between 1970 and 2100',
};

export const isoOf = (epochMs: number): string => new Date(epochMs).toISOString();

export const periodParams = ({ fromMs, toMs }: Period): Record<string, unknown> => ({
  from: clickHouseSecond(fromMs),
  to: clickHouseSecond(toMs),
});

/** The end of a period in a statement that has its `periodParams`. */
export const periodEnd = "{to:DateTime('UTC')}";

/** The end of the time in which what began in the period is followed; `windowMs` is a parameter too. */
export const reachEnd = `${periodEnd} + toIntervalMillisecond({windowMs:UInt64} + 1)`;

/** The condition of an instant from the beginning of the period on and before `end`. */
export const isInTime = (instant: string, end = periodEnd): string =>
  `${instant} >= {from:DateTime('UTC')} AND ${instant} < ${end}`;

/** The start of the bucket (epoch seconds) in which an instant lies, for a period whose buckets are those of a zone. */
export const bucketOf = (instant: string): string =>
  `roundDown(toUnixTimestamp(${instant}), {starts:Array(UInt32)})`;

export const startsParam = ({ startsMs }: Period): Record<string, unknown> =>
  startsMs === undefined ? {} : { starts: startsMs.map((ms) => Math.floor(ms / 1000)) };
