import type { components } from '../../api/schema.d.ts';

export type Recommended = components['schemas']['Attribution']['items'][number];

/** What a row sold in one currency, minor units. */
export const amountIn = ({ revenue }: Pick<Recommended, 'revenue'>, currency: string | undefined): number =>
  revenue.find((each) => each.currency === currency)?.amountMinor ?? 0;

/** The rows altogether, of which each showing, click and order line is in one. */
export const totalOf = (
  rows: readonly Pick<Recommended, 'revenue' | 'shown' | 'clicked'>[],
  currency: string | undefined,
): { amountMinor: number; shown: number; clickThroughRate: number | null } => {
  const sum = (of: (row: (typeof rows)[number]) => number): number =>
    rows.reduce((total, row) => total + of(row), 0);
  const shown = sum((row) => row.shown);
  return {
    amountMinor: sum((row) => amountIn(row, currency)),
    shown,
    clickThroughRate: shown === 0 ? null : sum((row) => row.clicked) / shown,
  };
};
