import type { RecommenderSettings } from './settings.js';

/**
 * What differs between parameter sets is read when a list is made, so that all of them share one memory: another set learns
 * beside the live one without a second memory, and takes its place at once.
 */
export type AskedSettings = Pick<
  RecommenderSettings,
  'visitNeighbours' | 'orderNeighbours' | 'anchorsMax' | 'positionReach'
>;

export type ParameterSet = { id: string; description: string; settings: Partial<AskedSettings> };

export const firstSet = 'learned-blend-1';

const all = {
  visitsPerItemMax: 300,
  neighboursMax: 400,
  halfAge: 60,
  reach: 2.5,
  sharpness: 1.5,
};

/** The first is live until another one is promoted. */
export const parameterSets: readonly ParameterSet[] = [
  { id: firstSet, description: 'The settings that were chosen before any shop was known.', settings: {} },
  {
    id: 'brief',
    description:
      'The newest visits and the last steps of a visit decide: for shops where interests change by the hour.',
    settings: {
      visitNeighbours: { ...all, halfAge: 20, reach: 1.5, visitsPerItemMax: 150, neighboursMax: 200 },
      positionReach: 1.2,
    },
  },
  {
    id: 'lasting',
    description:
      'Older visits and the beginning of a visit count too: for shops where people compare for long.',
    settings: { visitNeighbours: { ...all, halfAge: 180, reach: 5 }, positionReach: 4 },
  },
  {
    id: 'strict',
    description:
      'Only visits and orders that are much alike count: for large assortments with narrow interests.',
    settings: {
      visitNeighbours: { ...all, sharpness: 2.5, neighboursMax: 150 },
      orderNeighbours: { visitsPerItemMax: 150, neighboursMax: 60, halfAge: 200, reach: 1e9, sharpness: 3 },
    },
  },
];
