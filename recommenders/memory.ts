import { type Content, createContent } from './content.js';
import { createForwardDecay, type ForwardDecay } from './decay.js';
import { createHistories, type Histories } from './histories.js';
import type { History } from './history.js';
import { createItemTable, type ItemTable } from './item-table.js';
import { createLeaders, type Leaders } from './leaders.js';
import { createOpenVisits, type OpenVisits } from './open-visits.js';
import type { RecommenderSettings } from './settings.js';
import { createSparseRows, type SparseRows } from './sparse-rows.js';
import { createVisitIndex, type VisitIndex } from './visit-index.js';

/** All that was learned but the ranking models' parameters: what the features are computed from. */
export type Memory = {
  items: ItemTable;
  content: Content;
  visits: VisitIndex;
  orders: VisitIndex;
  openVisits: OpenVisits;
  histories: Histories;
  /** Directed pairs within visits: from an item to later ones, and the other way round. */
  forward: SparseRows;
  backward: SparseRows;
  /** Pairs within orders. */
  together: SparseRows;
  /** From the items of an order to those of the same user's next order. */
  following: SparseRows;
  popular: Leaders;
  trending: Leaders;
  long: ForwardDecay;
  short: ForwardDecay;
};

/** What a list is made for: the items of the visit and the cart, and who asks when. */
export type Context = {
  visit: readonly number[];
  cart: readonly number[];
  history: History | undefined;
  atMs: number;
  /** The visit in the index that the context belongs to, which is no neighbour of itself; -1 if it is in none. */
  ownVisit: number;
};

export const createMemory = (settings: RecommenderSettings): Memory => {
  const items = createItemTable(settings.productsMax, settings.strangersMax);
  // What is not in the catalogue takes no place among the leaders.
  const sumIn = (column: 'long' | 'short') => (item: number) =>
    items.isInCatalogue(item) ? items.columns[column][item]! : 0;
  const { visitsPerItemMax, pairsPerItemMax, pairsMax: entriesMax } = settings;
  const pairs = { columnsMax: pairsPerItemMax, entriesMax };
  const orderPairs = { columnsMax: 2 * pairsPerItemMax, entriesMax };
  return {
    items,
    content: createContent(),
    visits: createVisitIndex({
      visitsMax: settings.visitsMax,
      stepsMax: settings.stepsPerVisitMax,
      visitsPerItemMax,
    }),
    orders: createVisitIndex({
      visitsMax: settings.ordersMax,
      stepsMax: settings.itemsPerOrderMax,
      visitsPerItemMax,
    }),
    openVisits: createOpenVisits(settings.openVisitsMax),
    histories: createHistories(settings.usersMax),
    forward: createSparseRows(pairs),
    backward: createSparseRows(pairs),
    together: createSparseRows(orderPairs),
    following: createSparseRows(orderPairs),
    popular: createLeaders(leadersMax, sumIn('long')),
    trending: createLeaders(leadersMax, sumIn('short')),
    // Pairs are kept with 32 bits.
    long: createForwardDecay(settings.halfLifeMs, 100),
    short: createForwardDecay(settings.halfLifeMs / 8),
  };
};

const leadersMax = 200;
