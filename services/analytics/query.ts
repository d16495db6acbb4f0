import { z } from 'zod';
import { instant, text } from '#platform/http/text';
import { newestOfProducts } from './newest-products.js';
import { coarsestOf, dayMs, type Granularity, type Period } from './period.js';
import {
  type Dataset,
  type DimensionName,
  dimensionNames,
  dimensionOf,
  type MeasureName,
  measureNames,
  measureOf,
  type Operator,
  operatorNames,
  testsOf,
} from './query-model.js';
import {
  bucketOf,
  bucketPeriod,
  cutAt,
  isInTime,
  isoOf,
  periodParams,
  type Query,
  type Question,
  type Refused,
  startsParam,
  tz,
  wholePeriod,
  zoneOf,
} from './question.js';
import type { Zone } from './zone.js';

const daysAsDefault = 30;
const measuresMax = 10;
const dimensionsMax = 5;
const filtersMax = 20;
const valuesMax = 100;
const valueCharsMax = 500;
/**
 * In UTF-8, of all filters together: they travel in a URL. ClickHouse takes 131,072 bytes of one parameter and 1 MiB of all,
 * and a value of nothing but quotes has twice as many as parameter, six times as many in the URL.
 */
const valueBytesMax = 50_000;
export const rowsMax = 10_000;

const once = <T>(list: readonly T[]): boolean => new Set(list).size === list.length;

const filter = z.strictObject({
  dimension: z.enum(dimensionNames).optional(),
  measure: z.enum(measureNames).optional().describe('In place of a dimension: keeps rows by their result.'),
  operator: z.enum(operatorNames).default('equals'),
  values: z
    .array(z.union([text(valueCharsMax), z.int()]))
    .min(1)
    .max(valuesMax),
});

const fits = (filters: readonly { values: readonly (string | number)[] }[]): boolean =>
  filters
    .flatMap(({ values }) => values)
    .reduce<number>((sum, one) => sum + Buffer.byteLength(`${one}`), 0) <= valueBytesMax;

const granularity = z.enum(['minute', 'hour', 'day', 'week', 'month']);

export const queryBody = z.strictObject({
  measures: z.array(z.enum(measureNames)).min(1).max(measuresMax).refine(once, 'must be different'),
  dimensions: z
    .array(z.enum(dimensionNames))
    .max(dimensionsMax)
    .refine(once, 'must be different')
    .default([]),
  filters: z
    .array(filter)
    .max(filtersMax)
    .refine(fits, `may have values of ${valueBytesMax} bytes together`)
    .default([])
    .describe(`All have to hold. Their values may have ${valueBytesMax} bytes of UTF-8 together.`),
  granularity: granularity.optional().describe('Rows by bucket of time, which then have `from`.'),
  from: instant.optional(),
  to: instant.optional(),
  tz,
  order: z
    .array(
      z.strictObject({
        by: z.union([z.literal('from'), z.enum(measureNames), z.enum(dimensionNames)]),
        direction: z.enum(['asc', 'desc']).default('asc'),
      }),
    )
    .max(measuresMax + dimensionsMax + 1)
    .optional()
    .describe('By time, then by the first measure, greatest first, if it is left out or empty.'),
  limit: z.int().min(1).max(rowsMax).default(1_000),
});

export type Asked = z.output<typeof queryBody>;

export const queryRow = z
  .object({ from: z.iso.datetime().optional().describe('Start of the bucket, in UTC.') })
  .catchall(z.union([z.string(), z.number(), z.null()]));

type InputError = { path: string; message: string };

/** The question that the body asks, or what is wrong in it. */
export const questionOf = (
  asked: Asked,
  nowMs: number,
): (Question & { columns: readonly string[] }) | { refused: Refused } => {
  const dataset = measureOf(asked.measures[0] as MeasureName).of;
  const errors = errorsIn(asked, dataset);
  if (errors.length > 0)
    return { refused: { code: 'invalid_body', detail: 'The query does not fit the model.', errors } };
  const period =
    asked.granularity === undefined
      ? wholePeriod(asked, nowMs, daysAsDefault)
      : bucketPeriod(asked, asked.granularity, nowMs);
  if ('refused' in period) return period;
  const columns = columnsOf(asked);
  return {
    about: dataset,
    queries: [statementOf(asked, dataset, period, zoneOf(asked.tz))],
    answerOf: ([rows = []]) =>
      cutAt(
        asked.limit,
        rows.map((row) => rowOf(row, asked)),
      ),
    columns,
  };
};

/** Money is never added up across currencies, so its rows always have one. */
const dimensionsOf = ({ measures, dimensions }: Asked): DimensionName[] =>
  measures.some((name) => measureOf(name).isMoney) && !dimensions.includes('currency')
    ? [...dimensions, 'currency']
    : [...dimensions];

const columnsOf = (asked: Asked): string[] => [
  ...(asked.granularity === undefined ? [] : ['from']),
  ...dimensionsOf(asked),
  ...asked.measures,
];

const rowOf = (row: Record<string, string | number | null>, asked: Asked) => {
  const { bucket, ...rest } = row;
  const named = Object.fromEntries(
    Object.entries(rest).map(([alias, value]) => [alias.replace(/^[dm]_/, ''), value]),
  );
  return asked.granularity === undefined ? named : { from: isoOf(Number(bucket) * 1000), ...named };
};

const errorsIn = (asked: Asked, dataset: Dataset): InputError[] => {
  const elsewhere = `is not of ${dataset}, as the first measure is`;
  const errors: InputError[] = [];
  for (const [at, name] of asked.measures.entries())
    if (measureOf(name).of !== dataset) errors.push({ path: `/measures/${at}`, message: elsewhere });
  for (const [at, name] of asked.dimensions.entries())
    if (!dimensionOf(name).of.includes(dataset))
      errors.push({ path: `/dimensions/${at}`, message: elsewhere });
  for (const [at, { by }] of (asked.order ?? []).entries())
    if (!columnsOf(asked).includes(by))
      errors.push({ path: `/order/${at}/by`, message: 'is neither a measure nor a dimension of this query' });
  for (const [at, one] of asked.filters.entries())
    errors.push(...errorsOfFilter(one, `/filters/${at}`, asked, dataset));
  return errors;
};

type AskedFilter = Asked['filters'][number];

const errorsOfFilter = (
  { dimension, measure, operator, values }: AskedFilter,
  path: string,
  asked: Asked,
  dataset: Dataset,
): InputError[] => {
  if ((dimension === undefined) === (measure === undefined))
    return [{ path, message: 'must name either a dimension or a measure' }];
  if (measure !== undefined && !asked.measures.includes(measure))
    return [{ path: `${path}/measure`, message: 'is not a measure of this query' }];
  if (dimension !== undefined && !dimensionOf(dimension).of.includes(dataset))
    return [{ path: `${path}/dimension`, message: `is not of ${dataset}, as the first measure is` }];
  const type = dimension === undefined ? 'number' : dimensionOf(dimension).type;
  if (testsOf(type)[operator] === undefined)
    return [{ path: `${path}/operator`, message: `is not for a ${type}` }];
  const isOne = operator === 'atLeast' || operator === 'atMost';
  if (isOne && values.length > 1) return [{ path: `${path}/values`, message: 'must be one value' }];
  return values.flatMap((value, at) =>
    (typeof value === 'number') === (type === 'number')
      ? []
      : [{ path: `${path}/values/${at}`, message: `must be a ${type}` }],
  );
};

/** The rollup that answers the query, if one has all that it needs. */
const rollupOf = (asked: Asked, dataset: Dataset, period: Period): Granularity | undefined => {
  const filtered = asked.filters.flatMap(({ dimension }) => (dimension === undefined ? [] : [dimension]));
  const used = [...dimensionsOf(asked), ...filtered];
  if (used.some((name) => dimensionOf(name).rollupSql?.[dataset] === undefined)) return undefined;
  const isByLine = used.some((name) => dimensionOf(name).isOfLine);
  const isHeld = asked.measures.every((name) => {
    const { rollupSql, wholeOrdersSql } = measureOf(name);
    return rollupSql !== undefined && !(isByLine && wholeOrdersSql !== undefined);
  });
  if (!isHeld) return undefined;
  if (dataset === 'activity') return 'minute';
  return coarsestOf([period.fromMs, period.toMs, ...(period.startsMs ?? bucketEnds(asked, period))]);
};

/** An instant at which a bucket of UTC ends, if there are any. */
const bucketEnds = ({ granularity: by }: Asked, { fromMs }: Period): number[] => {
  const sizes = { minute: 60_000, hour: 3_600_000, day: dayMs } as const;
  return by === 'minute' || by === 'hour' || by === 'day' ? [fromMs + sizes[by]] : [];
};

const rawTables: Record<Dataset, string> = {
  sales: 'sales',
  activity: 'shopper_activity',
  visits: 'visits',
  performance: 'product_performance',
};
const rollups: Partial<Record<Dataset, string>> = { sales: 'sales_per', activity: 'shopper_activity_per' };

/** Every part of the text is from the model; what the caller sends is bound. */
const statementOf = (asked: Asked, dataset: Dataset, period: Period, zone: Zone): Query => {
  const rollup = rollupOf(asked, dataset, period);
  const time = rollup === undefined ? 'e.occurred_at' : `e.${rollup}`;
  const sqlOf = (name: DimensionName): string => {
    const { sql, rollupSql } = dimensionOf(name);
    return (rollup === undefined ? sql : rollupSql)?.[dataset] ?? '';
  };
  const groups = dimensionsOf(asked);
  const used = [...groups, ...asked.filters.flatMap(({ dimension }) => dimension ?? [])].map(dimensionOf);
  const table = rollup === undefined ? rawTables[dataset] : `${rollups[dataset]}_${rollup}`;
  const { conditions, having, params } = filtersOf(asked.filters, sqlOf);
  const isOfProduct = used.some((one) => one.isOfProduct?.includes(dataset));
  const columns = [
    ...(asked.granularity === undefined ? [] : [`${bucketSql(asked, period, time)} AS bucket`]),
    ...groups.map((name) => `${sqlOf(name)} AS d_${name}`),
    ...asked.measures.map((name) => {
      const { sql, rollupSql, wholeOrdersSql } = measureOf(name);
      const rawSql = used.some((one) => one.isOfLine) ? sql : (wholeOrdersSql ?? sql);
      return `${rollup === undefined ? rawSql : rollupSql} AS m_${name}`;
    }),
  ];
  const keys = [...(asked.granularity === undefined ? [] : ['bucket']), ...groups.map((name) => `d_${name}`)];
  return {
    sql: `
  SELECT ${columns.join(',\n    ')}
  FROM ${table} AS e
  ${isOfProduct ? newestProducts(dataset) : ''}
  WHERE ${[isInTime(time), ...conditions].join('\n    AND ')}
  ${keys.length === 0 ? '' : `GROUP BY ${keys.join(', ')}`}
  ${having.length === 0 ? '' : `HAVING ${having.join(' AND ')}`}
  ORDER BY ${orderOf(asked, keys).join(', ')}
  LIMIT {rowsMax:UInt32}`,
    ...(rollup === undefined ? {} : { isQuick: true }),
    params: {
      ...periodParams(period),
      ...startsParam(period),
      ...(used.some((one) => one.isOfClock) ? clockParams(period, zone) : {}),
      ...params,
      rowsMax: asked.limit + 1,
    },
  };
};

const newestProducts = (dataset: Dataset): string => `LEFT JOIN (
    ${newestOfProducts(['name', 'category', 'brand'])}
  ) AS p ON p.product_id = ${dataset === 'activity' ? "ifNull(e.product_id, '')" : 'e.product_id'}`;

const bucketSql = ({ granularity: by }: Asked, period: Period, time: string): string => {
  if (period.startsMs !== undefined) return bucketOf(time);
  const seconds = { minute: 60, hour: 3_600, day: 86_400, week: 0, month: 0 }[by ?? 'day'];
  return `intDiv(toUnixTimestamp(${time}), ${seconds}) * ${seconds}`;
};

const clockParams = ({ fromMs, toMs }: Period, zone: Zone): Record<string, unknown> => {
  const offsets = zone.offsetsIn(fromMs, toMs);
  return {
    changes: offsets.map((change) => Math.floor(change.fromMs / 1000)),
    offsets: offsets.map(({ offsetMs }) => Math.round(offsetMs / 1000)),
  };
};

const filtersOf = (filters: Asked['filters'], sqlOf: (name: DimensionName) => string) => {
  const [conditions, having]: [string[], string[]] = [[], []];
  const params: Record<string, unknown> = {};
  for (const [at, { dimension, measure, operator, values }] of filters.entries()) {
    const isId = dimension !== undefined && dimensionOf(dimension).isId;
    params[`filter${at}`] = isId ? values.map((value) => `${value}`.toLowerCase()) : values;
    const test = testsOf(dimension === undefined ? 'number' : dimensionOf(dimension).type)[
      operator as Operator
    ];
    if (dimension !== undefined) conditions.push(test?.(sqlOf(dimension), `filter${at}`) ?? '0');
    else having.push(test?.(`m_${measure}`, `filter${at}`) ?? '0');
  }
  return { conditions, having, params };
};

/** The keys at the end make the order complete, so that the same query has the same rows. */
const orderOf = (asked: Asked, keys: readonly string[]): string[] => {
  const aliasOf = (by: string): string =>
    by === 'from' ? 'bucket' : (asked.measures as string[]).includes(by) ? `m_${by}` : `d_${by}`;
  const chosen = (asked.order ?? []).map(
    ({ by, direction }) => `${aliasOf(by)} ${direction === 'asc' ? 'ASC' : 'DESC'}`,
  );
  const usual = [...(asked.granularity === undefined ? [] : ['bucket']), `m_${asked.measures[0]} DESC`];
  return [...(chosen.length === 0 ? usual : chosen), ...keys.map((key) => `${key} ASC`)];
};
