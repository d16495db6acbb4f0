import type { ProductCreated } from '#schemas/events';

export type Attributes = Readonly<Record<string, string | number | boolean>>;

export type Product = {
  productId: string;
  /** Version of the last event this product published. */
  version: number;
  name: string;
  description: string;
  /** Path of the category, from the root: `home/lighting`. */
  category: string;
  priceMinor: number;
  currency: string;
  brand: string | null;
  tags: readonly string[];
  attributes: Attributes;
  images: readonly string[];
  /** Products with the same group are variants of one. */
  groupId: string | null;
  ageRestricted: boolean;
  active: boolean;
  featured: boolean;
  createdAtMs: number;
};

export type CreateProduct = Omit<Product, 'version'> & { initialStock: number };

export type ProductEvent = { type: 'ProductCreated'; data: ProductCreated };

/** What happens when a product is entered. */
export const create = (command: CreateProduct): ProductEvent => {
  const { productId, name, description, category, priceMinor, currency } = command;
  const { brand, tags, groupId, active, initialStock, createdAtMs } = command;
  return {
    type: 'ProductCreated',
    data: {
      productId,
      version: 1,
      name,
      description,
      category,
      priceMinor,
      currency,
      brand,
      tags,
      groupId,
      active,
      initialStock,
      createdAt: createdAtMs,
      occurredAt: createdAtMs,
    },
  };
};

/** How a category path is kept: no empty steps, no blanks around them. Null when nothing is left. */
export const normalCategory = (path: string): string | null => {
  const steps = path
    .split('/')
    .map((step) => step.trim())
    .filter((step) => step !== '');
  return steps.length === 0 ? null : steps.join('/');
};
