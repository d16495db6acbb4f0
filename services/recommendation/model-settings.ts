import { z } from 'zod';
import type { LiveSetting } from '#platform/settings/live-setting';

export const comparedPercent: LiveSetting<number> = {
  key: 'recommendations.comparedPercent',
  schema: z.int().min(0).max(100),
  unit: 'percent of lessons',
  description:
    'On so many of the choices from which the live model learns, the other parameter sets are asked and taught too, each ' +
    'for the price of one more list. At 0 they cost nothing and nothing is known of them. See GET /api/recommendations/models.',
  default: 0,
};

export const promotesByItself: LiveSetting<boolean> = {
  key: 'recommendations.promotesByItself',
  schema: z.boolean(),
  unit: 'yes or no',
  description:
    'Whether a parameter set that is better than the live one beyond doubt, on at least two weeks, takes its place without ' +
    'a person. Each promotion is an event with its evidence, and can be taken back.',
  default: false,
};

export const exploredPercent: LiveSetting<number> = {
  key: 'recommendations.exploredPercent',
  schema: z.number().min(0).max(20),
  unit: 'percent of lists',
  description:
    'On so many of the lists for a visit or an account one product that was hardly ever shown is put at a place from the fifth ' +
    'to the fifteenth, by chance and by its clicks so far. Its reason is `explored`; GET /api/analytics/attribution?by=choice ' +
    'reports how such products do beside the others. Never on `reorder`, nor where a product is pinned.',
  default: 0,
};

export const diversity: LiveSetting<number> = {
  key: 'recommendations.diversity',
  schema: z.number().min(0).max(1),
  unit: 'share',
  description:
    'How much the first products of a list are to be unlike each other, by their names and categories: 0 ranks by fit alone. ' +
    'What it costs is in docs/recommendation-experiments.md.',
  default: 0,
};
