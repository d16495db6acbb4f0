import { integerMax } from '#platform/postgres/integer';
import { keyset } from '#platform/postgres/keyset';
import type { Queryable } from '#platform/postgres/pool';
import { type ProductRow, rowColumns } from './product-row-store.js';

export const sorts = ['newest', 'price', '-price', 'rating', 'popularity'] as const;

export type Sort = (typeof sorts)[number];

export type ListFilter = {
  /** A path; its sub-categories are included. */
  category?: string | undefined;
  brand?: string | undefined;
  minPriceMinor?: number | undefined;
  maxPriceMinor?: number | undefined;
  /** The variants of one product. */
  groupId?: string | undefined;
  /** These products alone. */
  ids?: readonly string[] | undefined;
  isFeatured?: boolean;
  sort: Sort;
  /** The end of the page before. */
  after?: Position | undefined;
  rowsMax: number;
  /** True to include products that are not shown to shoppers. */
  withInactive: boolean;
};

/** Where a page ends: the last row's values by which the list is sorted, its id last. */
export type Position = readonly (number | string)[];

/** `isIn` is true for a number that the column can hold: a position comes back from the caller. */
type SortKey = { column: string; readOf(row: ProductRow): number; isIn(value: number): boolean };

const isInteger = (value: number): boolean => Number.isInteger(value) && Math.abs(value) <= integerMax;

const price: SortKey = {
  column: 'price_minor',
  readOf: ({ priceMinor }) => priceMinor,
  isIn: Number.isSafeInteger,
};

/** What each order compares before the product's id. Ids are UUIDv7, so their order is the order of creation. */
const keysOf: Record<Sort, readonly SortKey[]> = {
  newest: [],
  price: [price],
  '-price': [price],
  rating: [
    { column: 'rating_hundredths', readOf: ({ ratingHundredths }) => ratingHundredths, isIn: isInteger },
    { column: 'rating_count', readOf: ({ ratingCount }) => ratingCount, isIn: isInteger },
  ],
  popularity: [{ column: 'popularity', readOf: ({ popularity }) => popularity, isIn: Number.isFinite }],
};

export const positionOf = (row: ProductRow, sort: Sort): Position => [
  ...keysOf[sort].map(({ readOf }) => readOf(row)),
  row.productId,
];

/** True for a position that a list of this order can end at. */
export const isPositionOf = (position: Position, sort: Sort): boolean =>
  position.length === keysOf[sort].length + 1 &&
  keysOf[sort].every(({ isIn }, nth) => typeof position[nth] === 'number' && isIn(position[nth])) &&
  typeof position.at(-1) === 'string';

/**
 * A page of the catalogue. Each page begins behind the position at which the one before ended, so a product whose
 * rating or popularity changes meanwhile may be passed over or come twice, and no other product.
 */
export const listProducts = async (db: Queryable, filter: ListFilter): Promise<ProductRow[]> => {
  const { sort, after, rowsMax } = filter;
  const values: unknown[] = [];
  const bind = (value: unknown) => `$${values.push(value)}`;
  const keys = [...keysOf[sort].map(({ column }) => column), 'product_id'];
  const { orderBy, behind } = keyset(keys, { descending: sort !== 'price', after, bind });
  const conditions = [...conditionsOf(filter, bind), ...behind];
  const { rows } = await db.query<ProductRow>(
    `SELECT ${rowColumns} FROM products WHERE ${conditions.join(' AND ')}
     ORDER BY ${orderBy}
     LIMIT ${bind(rowsMax)}`,
    values,
  );
  return rows;
};

const conditionsOf = (filter: ListFilter, bind: (value: unknown) => string): string[] => {
  const { category, brand, minPriceMinor, maxPriceMinor, groupId, ids, isFeatured, withInactive } = filter;
  return [
    withInactive ? 'deleted_at IS NULL' : 'active',
    ...(isFeatured === true ? ['featured'] : []),
    ...(category === undefined
      ? []
      : [`(category = ${bind(category)} OR starts_with(category, ${bind(`${category}/`)}))`]),
    ...(brand === undefined ? [] : [`brand = ${bind(brand)}`]),
    ...(groupId === undefined ? [] : [`group_id = ${bind(groupId)}`]),
    ...(ids === undefined ? [] : [`product_id = ANY(${bind(ids)})`]),
    ...(minPriceMinor === undefined ? [] : [`price_minor >= ${bind(minPriceMinor)}`]),
    ...(maxPriceMinor === undefined ? [] : [`price_minor <= ${bind(maxPriceMinor)}`]),
  ];
};
