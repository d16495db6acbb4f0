import { z } from 'zod';

/** A product as every service answers it. */
export const productSchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    description: z.string(),
    category: z.string(),
    price: z.object({ amountMinor: z.int(), currency: z.string().describe('ISO 4217 code.') }),
    brand: z.string().nullable(),
    tags: z.array(z.string()),
    attributes: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    images: z.array(z.string()),
    groupId: z.uuid().nullable(),
    ageRestricted: z.boolean(),
    active: z.boolean(),
    featured: z.boolean(),
    available: z.int().describe('Pieces that can be sold, milliseconds behind inventory.'),
    rating: z.object({ average: z.number(), count: z.int() }),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: 'Product' });

export type ProductView = z.output<typeof productSchema>;

/** What an operator states of a product. */
export type ProductDescription = {
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
};

/** What a product is shown from. */
export type ShowableProduct = ProductDescription & {
  productId: string;
  available: number;
  /** The average in hundredths; 0 without reviews. */
  ratingHundredths: number;
  ratingCount: number;
  createdAtMs: number;
  updatedAtMs: number;
};

export const shownProduct = (product: ShowableProduct): ProductView => ({
  id: product.productId,
  name: product.name,
  description: product.description,
  category: product.category,
  price: { amountMinor: product.priceMinor, currency: product.currency },
  brand: product.brand,
  tags: [...product.tags],
  attributes: { ...product.attributes },
  images: [...product.images],
  groupId: product.groupId,
  ageRestricted: product.ageRestricted,
  active: product.active,
  featured: product.featured,
  available: product.available,
  rating: { average: product.ratingHundredths / 100, count: product.ratingCount },
  createdAt: new Date(product.createdAtMs).toISOString(),
  updatedAt: new Date(product.updatedAtMs).toISOString(),
});
