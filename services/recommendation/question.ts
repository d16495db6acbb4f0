import type { Scenario } from '#recommenders/activity';
import type { Explained } from '#recommenders/lists';
import type { Candidate, Reason } from './candidates.js';

/** A request for recommendations. The caller's rights were checked before. */
export type Question = {
  scenario: Scenario;
  /** The product in view, which never appears in the answer; the newest product of the visit if unset. */
  productId?: string | undefined;
  /** What lies in the cart; the visit's cart if unset. */
  cart?: readonly string[] | undefined;
  visitId?: string | undefined;
  /** The user whose history and interests may be used. */
  userId?: string | undefined;
  /** The user whose recent purchases are left out. */
  buyerId?: string | undefined;
  exclude: readonly string[];
  /** Only products of this category and those below it; products of all categories if none of them may be shown. */
  category?: string | undefined;
  limit: number;
  /** Epoch milliseconds. */
  nowMs: number;
  /** True for a list of best sellers alone, which experiments compare the models with. */
  isPopularity?: boolean;
  /** True for a list on which one product is put by chance. */
  isExploring?: boolean;
  /** From 0 to 1: how much unlike each other the products are to be; 0 if unset. */
  diversity?: number;
  /** The parameter set that an experiment asks for; the live one if unset. */
  parameterSet?: string;
};

/** So many candidates fill most lists: some are sold out, or not allowed by the rules. */
export const headOf = (limit: number): number => 2 * limit;

/** Candidates in their order, the best first, and what they were found beside. */
export type Ranking = {
  /** The first of them: `headOf` the list. */
  head(): readonly Candidate[];
  candidates(): readonly Candidate[];
  inView: string | null;
  cart: readonly string[];
  /** What the buyer bought lately, as far as its source has it. */
  bought: readonly string[];
  /** Products that are popular now, the best first: they come before best sellers. */
  trending: readonly string[];
  learnedUpToMs: number | null;
  /** The reasons of candidates, in their order; unset where all have theirs. */
  reasonsOf?: (productIds: readonly string[]) => readonly Reason[];
  /** Unset where nothing but the list was asked for. */
  explained?: readonly Explained[];
};
