import { z } from 'zod';
import { ignored } from '#platform/http/json-value';
import { isVisible, line, prose, text, uuid } from '#platform/http/text';
import { namesCategory } from '#schemas/category';
import { currencies } from '#schemas/currency';
import { pathCharsMax } from './category.js';
import type { CreateProduct, Description } from './product.js';

export const amountMinorMax = 1_000_000_000_00;
const amountMinor = z.int().min(0).max(amountMinorMax);
const currency = z.enum(currencies as [string, ...string[]]).describe('ISO 4217 code.');
const name = line(200);
export const category = line(pathCharsMax)
  .regex(...namesCategory)
  .refine(
    (path) => path.split('/').every((part) => part.trim() === '' || isVisible(part)),
    'must have a visible character between slashes',
  )
  .describe('The path of the category, e.g. `home/lighting`. Stored in lower case.');
const attributesMax = 100;
const attributes = z
  .record(
    line(60),
    z.union([prose(500), z.number().min(Number.MIN_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER), z.boolean()]),
  )
  .meta({ maxProperties: attributesMax });
const tags = z.array(line(60)).max(50);
// `z.url` removes blanks around the address and ignores line breaks within it, so they are refused before.
const image = text(2000)
  .regex(/^\S+$/, 'must not contain blanks')
  .refine((url) => !/\p{Cc}/u.test(url), 'must not contain control characters')
  .check(z.url({ protocol: /^https?$/ }));
const images = z.array(image).max(20);

const brand = line(120);

export const createBody = z.strictObject({
  name,
  description: prose(10_000).default(''),
  category,
  price: z.strictObject({ amountMinor, currency }),
  brand: brand.nullable().default(null),
  tags: tags.default([]),
  attributes: attributes.default({}),
  images: images.default([]),
  groupId: uuid.nullable().default(null).describe('Products with the same one are variants of one product.'),
  ageRestricted: z.boolean().default(false),
  active: z.boolean().default(true),
  featured: z.boolean().default(false),
  initialStock: z.int().min(0).max(1_000_000_000).default(0),
});

/** What a product is read as may be sent back with another description in it. */
export const updateBody = createBody.extend({
  initialStock: createBody.shape.initialStock.describe('Counts only when a product is created.'),
  id: ignored,
  available: ignored,
  rating: ignored,
  createdAt: ignored,
  updatedAt: ignored,
});

export const createCommand = ({ initialStock, ...body }: z.output<typeof createBody>): CreateProduct => ({
  ...descriptionIn(body),
  initialStock,
});

export const descriptionIn = ({
  price,
  ...body
}: Omit<z.output<typeof createBody>, 'initialStock'>): Description => ({
  ...body,
  priceMinor: price.amountMinor,
  currency: price.currency,
});
