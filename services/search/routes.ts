import { z } from 'zod';
import type { HttpApp } from '#platform/http/http-app';
import { decodeSortedCursor, listQuery, type PageRequest, pageFrom } from '#platform/http/pagination';
import { isRange, mustNotBeBelow } from '#platform/http/range';
import { line, text, wholeNumber } from '#platform/http/text';
import type { Metrics } from '#platform/telemetry/metrics';
import { namesCategory, normaliseCategory } from '#schemas/category';
import { productSchema, type ShowableProduct, shownProduct } from '#schemas/product-view';
import type { AnswerCache } from './answer-cache.js';
import { type SearchFound, type SearchQuery, searchSorts } from './document.js';

const amountMinorMax = 1_000_000_000_00;
const minorUnits = wholeNumber(0, amountMinorMax).optional().describe('In minor units.');

const searchQuery = z
  .strictObject({
    ...listQuery,
    q: text(200).min(1).describe('What to search for. The first twelve words count.'),
    category: line(200)
      .regex(...namesCategory)
      .optional()
      .describe('A path; what is below it is found too.'),
    brand: line(120).optional(),
    minPrice: minorUnits,
    maxPrice: minorUnits,
    minRating: wholeNumber(1, 5).optional().describe('At least so many stars.'),
    inStock: z.enum(['true', 'false']).optional(),
    sort: z.enum(searchSorts).default('relevance'),
  })
  .refine(({ minPrice, maxPrice }) => isRange(minPrice, maxPrice), mustNotBeBelow('minPrice', 'maxPrice'));

const counts = z.array(z.object({ value: z.string(), count: z.int() }));
const answer = z.object({
  items: z.array(productSchema),
  next: z.string().nullable(),
  total: z.int().describe('All products found, also on other pages.'),
  facets: z
    .object({
      category: counts,
      brand: counts,
      price: z.array(z.object({ from: z.int(), to: z.int().nullable(), count: z.int() })),
      rating: z.array(z.object({ from: z.int(), count: z.int() })),
      availability: counts,
    })
    .describe('How many would be found with each value, whatever the filter on the same facet is now.'),
  corrected: z.string().optional().describe('The words that were really searched, where they are others.'),
});

const position = z.object({ sort: z.enum(searchSorts), rank: z.number(), productId: z.uuid() });

/** Finds products, and reads what is shown of them. */
export type Search = {
  find(query: SearchQuery): SearchFound;
  products(productIds: readonly string[]): Promise<ReadonlyMap<string, ShowableProduct>>;
  answers: AnswerCache;
};

export const searchRoutes = (app: HttpApp, search: Search, metrics: Metrics): void => {
  const queries = metrics.counter('search_queries_total', 'Searches by whether they found something.', [
    'result',
  ]);
  const duration = metrics.histogram(
    'search_duration_seconds',
    'Of a search, with the products of its page.',
    [],
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1],
  );

  app.get(
    '/api/products/search',
    {
      access: 'public',
      config: { anonymousWithoutKeys: true },
      schema: {
        tags: ['products'],
        summary: 'Products by their words: ranked, in spite of typing errors, with facets.',
        querystring: searchQuery,
        response: { 200: answer },
      },
    },
    async (request, reply) => {
      const startedAtMs = performance.now();
      const { query } = request;
      const found = queryOf(request);
      const { total, body } = await search.answers.read(JSON.stringify(query), async () => {
        const made = await answerTo(search, found, request);
        return { ...made, body: String(reply.serialize(made.body)) };
      });
      queries.inc({ result: total > 0 ? 'hit' : 'empty' });
      duration.observe((performance.now() - startedAtMs) / 1000);
      reply.type('application/json; charset=utf-8');
      return reply.send(body as never);
    },
  );
};

type Asked = PageRequest & { query: z.output<typeof searchQuery> };

const queryOf = (request: Asked): SearchQuery => {
  const { q, limit, category, brand, minPrice, maxPrice, minRating, inStock, sort } = request.query;
  return {
    text: q,
    category: category === undefined ? undefined : normaliseCategory(category),
    brand,
    minPriceMinor: minPrice,
    maxPriceMinor: maxPrice,
    minRating,
    inStock: inStock === undefined ? undefined : inStock === 'true',
    sort,
    after: decodeSortedCursor(request, position, sort),
    hitsMax: limit + 1,
  };
};

const answerTo = async (search: Search, query: SearchQuery, request: Asked) => {
  const { sort } = request.query;
  const { hits, total, facets, corrected } = search.find(query);
  const { items: page, next } = pageFrom(request, hits, (last) => ({ sort, ...last }));
  const productIds = page.map(({ productId }) => productId);
  const products = await search.products(productIds);
  const body: z.input<typeof answer> = {
    items: productIds.flatMap((productId) => {
      const product = products.get(productId);
      return product?.active === true ? [shownProduct(product)] : [];
    }),
    next,
    total,
    facets: {
      category: [...facets.category],
      brand: [...facets.brand],
      price: [...facets.price],
      rating: [...facets.rating],
      availability: [...facets.availability],
    },
    ...(corrected === undefined ? {} : { corrected }),
  };
  return { productIds, total, body };
};
