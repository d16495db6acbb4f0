import { type Scenario, scenarios } from './activity.js';
import { featureNames, priors } from './features.js';
import { createRanker, type Ranker } from './ranker.js';
import type { RecommenderSettings } from './settings.js';

/** A ranking model for each scenario. */
export type Rankers = Record<Scenario, Ranker>;

/** Models that have learned nothing yet: they rank by the weights that `features.ts` gives them. */
export const createRankers = ({ ranking }: Pick<RecommenderSettings, 'ranking'>): Rankers =>
  Object.fromEntries(
    scenarios.map((scenario) => {
      const prior = featureNames.map((name) => priors[scenario][name] ?? 0);
      return [scenario, createRanker({ prior, ...ranking })];
    }),
  ) as Rankers;
