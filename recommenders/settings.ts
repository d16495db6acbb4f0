import type { NeighbourSettings } from './neighbours.js';

/** One set for every shop: what differs between shops is learned as weights. */
export type RecommenderSettings = {
  /** Bounds of memory, in entries. Beyond them the oldest or lightest are dropped; products beyond are not learned. */
  productsMax: number;
  /** Of them, where there is a catalogue, those that are not in it: anybody may name some. */
  strangersMax: number;
  usersMax: number;
  /** Of those that are in the index, and as many of those that are not. */
  openVisitsMax: number;
  visitsMax: number;
  stepsPerVisitMax: number;
  ordersMax: number;
  itemsPerOrderMax: number;
  visitsPerItemMax: number;
  pairsPerItemMax: number;
  /** Of each kind of pair. */
  pairsMax: number;
  visitNeighbours: NeighbourSettings;
  orderNeighbours: NeighbourSettings;
  /** A context of a visit has so many distinct items, each weighing exp(-1 / `positionReach`) of the one after it. */
  anchorsMax: number;
  positionReach: number;
  /** The half-life of popularity and pairs; trends have an eighth of it. */
  halfLifeMs: number;
  ranking: { hidden: number; rerankedMax: number; step: number; hiddenStep: number };
  /** How many choices the rankers learn from: so many for each view and for each order. */
  lessonsPerView: number;
  lessonsPerOrder: number;
};

const dayMs = 24 * 60 * 60 * 1000;

export const defaultSettings: RecommenderSettings = {
  productsMax: 1_000_000,
  strangersMax: 100_000,
  usersMax: 1_000_000,
  openVisitsMax: 100_000,
  visitsMax: 2_000_000,
  stepsPerVisitMax: 20,
  ordersMax: 200_000,
  itemsPerOrderMax: 60,
  visitsPerItemMax: 400,
  pairsPerItemMax: 100,
  pairsMax: 8_000_000,
  visitNeighbours: { visitsPerItemMax: 150, neighboursMax: 150, halfAge: 60, reach: 2.5, sharpness: 1.5 },
  orderNeighbours: { visitsPerItemMax: 150, neighboursMax: 150, halfAge: 200, reach: 1e9, sharpness: 2 },
  anchorsMax: 9,
  positionReach: 2,
  halfLifeMs: 60 * dayMs,
  ranking: { hidden: 8, rerankedMax: 80, step: 0.1, hiddenStep: 0.05 },
  lessonsPerView: 0.03,
  lessonsPerOrder: 1.5,
};
