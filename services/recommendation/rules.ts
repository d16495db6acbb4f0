import { z } from 'zod';
import { text } from '#platform/http/text';
import type { LiveSetting } from '#platform/settings/live-setting';
import { scenarios } from '#recommenders/activity';
import { namesCategory, normaliseCategory } from '#schemas/category';

/** What merchandisers decide about recommendation lists: the value of the setting `recommendations.rules`. */

const idCharsMax = 128;
const nameCharsMax = 200;
const minorMax = 1_000_000_000_000;

const id = text(idCharsMax).min(1).toLowerCase();
const some = z
  .array(z.enum(scenarios))
  .min(1)
  .max(scenarios.length)
  .optional()
  .describe('The scenarios that it holds for; all of them if it is left out.');

const targetFields = {
  productId: id.optional(),
  category: text(nameCharsMax)
    .regex(...namesCategory)
    .overwrite(normaliseCategory)
    .optional()
    .describe('Its path; those below it too.'),
  brand: text(nameCharsMax).min(1).optional().describe('Capitals do not matter.'),
};
const namesSomething = (target: Target): boolean =>
  target.productId !== undefined || target.category !== undefined || target.brand !== undefined;
const mustName = 'must name a product, a category or a brand';

/** The products that a rule is about: those to which all of what it names applies. */
export type Target = {
  productId?: string | undefined;
  category?: string | undefined;
  brand?: string | undefined;
};

const target = z.strictObject(targetFields).refine(namesSomething, mustName);
const targeted = z.strictObject({ ...targetFields, scenarios: some }).refine(namesSomething, mustName);

const pin = z.strictObject({
  productId: id,
  position: z.int().min(1).max(100).describe('Its place on the list, counted from 1.'),
  scenarios: some,
  beside: target.optional().describe('Only where the product in view, or one in the cart, is one of these.'),
});

const boost = z
  .strictObject({
    ...targetFields,
    factor: z.number().gt(1).max(1000).describe('Multiplies the score.'),
    scenarios: some,
  })
  .refine(namesSomething, mustName);

const amount = z.int().min(0).max(minorMax).optional();
const ratio = z.number().min(0).max(1000).optional();
const isOrdered = (min: number | undefined, max: number | undefined): boolean =>
  min === undefined || max === undefined || min <= max;
const priceBand = z
  .strictObject({
    scenarios: some,
    currency: text(3)
      .regex(/^[A-Z]{3}$/)
      .optional()
      .describe('Only products priced in it are held to the band.'),
    minMinor: amount,
    maxMinor: amount,
    minRatio: ratio.describe('The lowest share of the price of the product in view.'),
    maxRatio: ratio.describe('The highest share of the price of the product in view.'),
  })
  .refine(
    ({ minMinor, maxMinor, minRatio, maxRatio }) =>
      [minMinor, maxMinor, minRatio, maxRatio].some((bound) => bound !== undefined),
    'must have a bound',
  )
  .refine(({ minMinor, maxMinor }) => isOrdered(minMinor, maxMinor), {
    path: ['maxMinor'],
    message: 'must not be below `minMinor`',
  })
  .refine(({ minRatio, maxRatio }) => isOrdered(minRatio, maxRatio), {
    path: ['maxRatio'],
    message: 'must not be below `minRatio`',
  });

const cap = z
  .int()
  .min(1)
  .max(100)
  .nullable()
  .default(null)
  .describe('At most so many of one list; null for no bound.');

export const rulesFields = {
  pin: z.array(pin).max(100).default([]).describe('Products with a fixed place, if they may be shown.'),
  boost: z.array(boost).max(200).default([]).describe('Products that come earlier.'),
  bury: z.array(targeted).max(200).default([]).describe('Products that come after all others.'),
  exclude: z.array(targeted).max(500).default([]).describe('Products that are on no list.'),
  maxPerCategory: cap,
  maxPerBrand: cap,
  priceBand: z.array(priceBand).max(50).default([]).describe('Products outside of a band are left out.'),
  neverWith: z
    .strictObject({
      ageRestricted: z
        .boolean()
        .default(true)
        .describe(
          'Age-restricted products are shown only beside an age-restricted product in view or in the cart.',
        ),
      sameGroup: z
        .boolean()
        .default(true)
        .describe(
          'A list has one variant of a group at most, and none beside another of its group. `reorder` may have several.',
        ),
      pairs: z
        .array(z.strictObject({ products: target, beside: target }))
        .max(200)
        .default([])
        .describe(
          '`products` are never shown where the product in view, or one in the cart, is one of `beside`.',
        ),
    })
    .prefault({}),
};

export const rulesSchema = z.strictObject(rulesFields);

export type Rules = z.output<typeof rulesSchema>;

export const noRules: Rules = rulesSchema.parse({});

export const rulesSetting: LiveSetting<Rules> = {
  key: 'recommendations.rules',
  schema: rulesSchema,
  unit: 'rules',
  description: 'What recommendation lists must and must not have; see GET /api/recommendations/rules.',
  default: noRules,
};
