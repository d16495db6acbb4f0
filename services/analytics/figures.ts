import type { Clock } from '#platform/clock';
import { createFreshMap } from '#platform/fresh-map';
import type { Answer, Answers } from './answers.js';
import { type Granularity, latestMs, type Period } from './period.js';
import type { Query } from './question.js';
import { leastComplete } from './reading.js';
import { type RefundDay, type RevenueRow, revenueQuery } from './revenue.js';
import {
  namesQuery,
  type ProductSalesRow,
  productSalesQuery,
  productTotalsQuery,
  type RankingAsked,
  rankProducts,
  type TopProductRow,
  topProductsQuery,
} from './top-products.js';

export type Figures = {
  revenue(period: Period, granularity: Granularity, refunds: RefundDay): Promise<Answer<RevenueRow>>;
  topProducts(period: Period, granularity: Granularity, asked: RankingAsked): Promise<Answer<TopProductRow>>;
  /** What these products sold in the period. */
  productTotals(
    period: Period,
    productIds: readonly string[],
    refunds: RefundDay,
  ): Promise<Answer<ProductTotals>>;
};

export type ProductTotals = Omit<ProductSalesRow, 'bucket'>;

const dayMs = 24 * 60 * 60 * 1000;
/** Aligned to the epoch, so that overlapping periods have blocks in common. */
const blockMs: Record<Granularity, number> = { minute: 2 * dayMs, hour: 64 * dayMs, day: 2048 * dayMs };
/** A block with more rows is not used: ClickHouse then adds up what the process would. */
const blockRowsMax = 20_000;
/** So many different periods are asked of ClickHouse themselves before their blocks are. */
const periodsBeforeBlocks = 4;
const nameAgeMsMax = 1_000;
const namesKeptMax = 10_000;

/**
 * Answers for any period. A few periods, as a dashboard has them, are questions of their own. Where many different ones
 * are asked for the same version of the data, aligned blocks that contain them are asked for once, and each answer is
 * taken out of those.
 */
export const createFigures = (answers: Answers, { monotonicMs }: Pick<Clock, 'monotonicMs'>): Figures => {
  const fromBlocks = createBlocks(answers);
  const names = createFreshMap<string>({
    load: async (productIds) => {
      const { rows } = await answers.of<{ productId: string; name: string }>(namesQuery(productIds));
      return new Map(rows.map(({ productId, name }) => [productId, name]));
    },
    otherwise: '',
    ageMsMax: nameAgeMsMax,
    entriesMax: namesKeptMax,
    monotonicMs,
  });

  return {
    revenue: async (period, granularity, refunds) => {
      const queryOf = (of: Period): Query => revenueQuery(of, granularity, refunds);
      // Blocks are aligned to the days of UTC. Refunds on the day of sale are read from raw rows: a block of years of them
      // could cost more than a question may, though the question does not.
      const inBlocks =
        period.startsMs === undefined && refunds === 'return_day'
          ? await fromBlocks<RevenueRow>(`revenue ${granularity}`, period, granularity, queryOf)
          : undefined;
      return inBlocks ?? (await answers.of<RevenueRow>(queryOf(period)));
    },
    topProducts: async (period, granularity, asking) => {
      const queryOf = (block: Period): Query => productSalesQuery(block, granularity, blockRowsMax + 1);
      const sales =
        asking.refunds === 'return_day'
          ? await fromBlocks<ProductSalesRow>(`products ${granularity}`, period, granularity, queryOf)
          : undefined;
      if (sales === undefined)
        return await answers.of<TopProductRow>(topProductsQuery(period, granularity, asking));
      const ranked = rankProducts(sales.rows, asking);
      const named = await names.getMany(ranked.map(({ productId }) => productId));
      return {
        rows: ranked.map((row) => ({ ...row, name: named.get(row.productId) ?? '' })),
        reading: sales.reading,
      };
    },
    productTotals: (period, productIds, refunds) =>
      answers.of<ProductTotals>(productTotalsQuery(period, productIds, refunds)),
  };
};

/** Answers out of aligned blocks; undefined where the question is better asked by itself. */
const createBlocks = (answers: Answers) => {
  const asked = new Map<string, { version: string; periods: Set<string> }>();
  /** Blocks with too many rows; they do not get fewer, so they are not read again. */
  const tooLarge = new Set<string>();

  /** True when this kind of question was asked for enough other periods since the data changed. */
  const areMany = async (kind: string, period: Period): Promise<boolean> => {
    const { version } = await answers.reading();
    const known = asked.get(kind);
    const periods = known?.version === version ? known.periods : new Set<string>();
    asked.set(kind, { version, periods });
    const key = `${period.fromMs}-${period.toMs}`;
    if (periods.size < periodsBeforeBlocks) periods.add(key);
    return !periods.has(key);
  };

  return async <Row extends { bucket: number }>(
    kind: string,
    period: Period,
    granularity: Granularity,
    queryOf: (block: Period) => Query,
  ): Promise<Answer<Row> | undefined> => {
    if (!(await areMany(kind, period))) return undefined;
    const blocks = blocksOf(period, blockMs[granularity]);
    const nameOf = ({ fromMs }: Period): string => `${kind} ${fromMs}`;
    const isAnyTooLarge = (): boolean => blocks.some((block) => tooLarge.has(nameOf(block)));
    if (isAnyTooLarge()) return undefined;
    const found = await Promise.all(blocks.map((block) => answers.of<Row>(queryOf(block))));
    for (const [nth, block] of blocks.entries())
      if ((found[nth]?.rows.length ?? 0) > blockRowsMax) tooLarge.add(nameOf(block));
    if (isAnyTooLarge()) return undefined;
    const [fromS, toS] = [period.fromMs / 1000, period.toMs / 1000];
    const rows = found.flatMap((block) => block.rows.filter(({ bucket }) => bucket >= fromS && bucket < toS));
    return { rows, reading: leastComplete(found.map((part) => part.reading)) };
  };
};

/** The aligned blocks that contain the period. */
const blocksOf = ({ fromMs, toMs }: Period, sizeMs: number): Period[] => {
  const blocks: Period[] = [];
  for (let startMs = Math.floor(fromMs / sizeMs) * sizeMs; startMs < toMs; startMs += sizeMs)
    blocks.push({ fromMs: startMs, toMs: Math.min(startMs + sizeMs, latestMs) });
  return blocks;
};
