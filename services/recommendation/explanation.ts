import { z } from 'zod';
import type { Answer } from './recommend.js';

const candidatesMax = 500;

export const explained = z
  .array(
    z.object({
      productId: z.string(),
      place: z.int().nullable().describe('Its place on the list, counted from 1; null if it is not on it.'),
      modelScore: z
        .number()
        .nullable()
        .describe('What the ranking model gave it; null for a product that the models did not find.'),
      parts: z
        .record(z.string(), z.number())
        .describe(
          'What the score of the model is the sum of: weight times value of each feature that is not 0.',
        ),
      score: z
        .number()
        .nullable()
        .describe(
          'The score that the list is ordered by, with the factors of rules; null if it was removed before.',
        ),
      movedBy: z
        .array(z.string())
        .describe(
          'The rules that changed its score or its place, by their place among the rules: `boost[0]`.',
        ),
      removedBy: z
        .string()
        .nullable()
        .describe(
          'Why it is not on the list: a rule (`exclude[2]`, `neverWith.sameGroup`, `maxPerBrand`); or `asked_to_exclude` (by the ' +
            'query, in view or in the cart), `not_listed`, `bought_recently`, `not_new`; `not_sellable` (unknown, inactive, sold ' +
            'out, of another category, or bought lately); `below_limit`. Null if it is on the list.',
        ),
    }),
  )
  .describe(`The candidates, those of the list first, then the best: at most ${candidatesMax}.`);

/** What happened to each candidate of a list. */
export const explanation = ({ items, ranking, judgements }: Answer): z.output<typeof explained> => {
  const places = new Map(items.map(({ productId }, nth) => [productId, nth + 1]));
  const parts = new Map((ranking.explained ?? []).map((candidate) => [candidate.productId, candidate]));
  const ranked = new Set(ranking.candidates().map(({ productId }) => productId));
  const all = new Set([...places.keys(), ...judgements.keys(), ...ranked, ...parts.keys()]);
  return [...all].slice(0, candidatesMax).map((productId) => {
    const model = parts.get(productId);
    const judgement = judgements.get(productId);
    const place = places.get(productId) ?? null;
    const removedBy = judgement?.removedBy ?? model?.removedBy ?? null;
    const isRefused = judgement === undefined && ranked.has(productId);
    return {
      productId,
      place,
      modelScore: model === undefined ? null : rounded(model.score),
      parts: Object.fromEntries(
        Object.entries(model?.parts ?? {}).map(([name, part]) => [name, rounded(part)]),
      ),
      score: judgement === undefined ? null : judgement.score,
      movedBy: judgement?.movedBy ?? [],
      removedBy: place === null ? (removedBy ?? (isRefused ? 'not_sellable' : 'below_limit')) : null,
    };
  });
};

const rounded = (value: number): number => Number(value.toPrecision(6));
