import { normaliseCategory } from '#schemas/category';
import type { ProductCreated, ProductDeleted, ProductUpdated } from '#schemas/events';
import type { ProductDescription } from '#schemas/product-view';

export type Description = ProductDescription;

/** The catalogue's data of a product. Its available stock comes from inventory, its rating from reviews. */
export type Product = Description & {
  productId: string;
  /** Counts this product's events from 1. */
  version: number;
  createdAtMs: number;
  updatedAtMs: number;
};

export type CreateProduct = Description & { initialStock: number };

/** Who changes a product, and when. `by` is null where no account does. */
export type Act = { by: string | null; nowMs: number };

/** `from` is null for a field of a new product, `to` for one of a product that is removed. */
export type FieldChange = { field: keyof Description; from: unknown; to: unknown };

export type HistoryEntry = {
  productId: string;
  version: number;
  kind: 'created' | 'updated' | 'deleted';
  changes: readonly FieldChange[];
  changedBy: string | null;
  occurredAtMs: number;
};

/** Every field of a description, as the compiler checks: one that were left out would not be stored. */
const fields = Object.keys({
  name: true,
  description: true,
  category: true,
  priceMinor: true,
  currency: true,
  brand: true,
  tags: true,
  attributes: true,
  images: true,
  groupId: true,
  ageRestricted: true,
  active: true,
  featured: true,
} satisfies Record<keyof Description, true>) as (keyof Description)[];

/** The description alone, with its category in normal form. */
const normal = (given: Description): Description => {
  const described = Object.fromEntries(fields.map((field) => [field, given[field]])) as Description;
  return { ...described, category: normaliseCategory(given.category) };
};

/** Equal as values; the order of attributes does not matter, and the database does not keep it. */
const isSame = (one: unknown, other: unknown): boolean =>
  one === other || JSON.stringify(ordered(one)) === JSON.stringify(ordered(other));

const ordered = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1))
    : value;

/** A new product, its event and the beginning of its history. */
export const createProduct = (
  command: CreateProduct,
  productId: string,
  { by, nowMs }: Act,
): { product: Product; event: ProductCreated; entry: HistoryEntry } => {
  const described = normal(command);
  const product: Product = { ...described, productId, version: 1, createdAtMs: nowMs, updatedAtMs: nowMs };
  return {
    product,
    event: {
      ...describedInEvent(product),
      initialStock: command.initialStock,
      createdAt: nowMs,
      occurredAt: nowMs,
      changedBy: by,
    },
    entry: {
      productId,
      version: 1,
      kind: 'created',
      changes: fields.map((field) => ({ field, from: null, to: described[field] })),
      changedBy: by,
      occurredAtMs: nowMs,
    },
  };
};

/** The product as newly described; null where that changes nothing, and so makes no version. */
export const updateProduct = (
  before: Product,
  command: Description,
  { by, nowMs }: Act,
): { product: Product; event: ProductUpdated; entry: HistoryEntry } | null => {
  const described = normal(command);
  const changes = fields
    .filter((field) => !isSame(before[field], described[field]))
    .map((field) => ({ field, from: before[field], to: described[field] }));
  if (changes.length === 0) return null;
  const { productId, createdAtMs } = before;
  const version = before.version + 1;
  const product: Product = { ...described, productId, version, createdAtMs, updatedAtMs: nowMs };
  return {
    product,
    event: {
      ...describedInEvent(product),
      changed: changes.map(({ field }) => field),
      changedBy: by,
      createdAt: createdAtMs,
      occurredAt: nowMs,
    },
    entry: { productId, version, kind: 'updated', changes, changedBy: by, occurredAtMs: nowMs },
  };
};

/** The removal of a product: its last version. */
export const deleteProduct = (
  before: Product,
  { by, nowMs }: Act,
): { event: ProductDeleted; entry: HistoryEntry } => {
  const { productId } = before;
  const version = before.version + 1;
  return {
    event: { productId, version, changedBy: by, occurredAt: nowMs },
    entry: { productId, version, kind: 'deleted', changes: [], changedBy: by, occurredAtMs: nowMs },
  };
};

const describedInEvent = ({ createdAtMs: _c, updatedAtMs: _u, attributes, ...product }: Product) => ({
  ...product,
  attributes: JSON.stringify(attributes),
});
