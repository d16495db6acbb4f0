import { normaliseCategory } from '#schemas/category';
import type { ProductCreated } from '#schemas/events';

/** The catalogue's data of a product. Its available stock comes from inventory. */
export type Product = {
  productId: string;
  /** Counts this product's events from 1. */
  version: number;
  name: string;
  description: string;
  /** Path from the root, e.g. `home/lighting`. */
  category: string;
  priceMinor: number;
  currency: string;
  brand: string | null;
  tags: readonly string[];
  attributes: Readonly<Record<string, string | number | boolean>>;
  images: readonly string[];
  /** Products with the same group are variants of one. */
  groupId: string | null;
  ageRestricted: boolean;
  active: boolean;
  featured: boolean;
  createdAtMs: number;
  updatedAtMs: number;
};

export type CreateProduct = Omit<Product, 'productId' | 'version' | 'createdAtMs' | 'updatedAtMs'> & {
  initialStock: number;
};

/** A new product and its event. */
export const createProduct = (
  command: CreateProduct,
  { productId, nowMs }: { productId: string; nowMs: number },
): { product: Product; event: ProductCreated } => {
  const { initialStock, ...described } = command;
  const product: Product = {
    ...described,
    category: normaliseCategory(command.category),
    productId,
    version: 1,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
  };
  return {
    product,
    event: {
      productId,
      version: product.version,
      name: product.name,
      description: product.description,
      category: product.category,
      priceMinor: product.priceMinor,
      currency: product.currency,
      brand: product.brand,
      tags: product.tags,
      groupId: product.groupId,
      active: product.active,
      initialStock,
      createdAt: nowMs,
      occurredAt: nowMs,
    },
  };
};
