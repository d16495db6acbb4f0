import type { Product } from './activity.js';
import { createNames, type Names } from './names.js';
import { grownTo } from './typed-arrays.js';

/** What is counted for each item, by its number. Masses are forward-decayed sums. */
export type ItemTable = {
  readonly names: Names;
  /** The item's number, a new one if it has none; -1 when there are too many items. */
  number(id: string): number;
  /** The same of an id that anybody may have made up: beside a catalogue there is room for fewer that are not in it. */
  numberOfNamed(id: string): number;
  list(item: number, product: Product): void;
  /** Takes an item out of the catalogue. */
  unlist(item: number): void;
  /** True when no catalogue was given, or the item is in it, be it that it comes to be there later. */
  isInCatalogue(item: number): boolean;
  /** True when no catalogue was given, or the item is in it; and it was created by then. */
  isListed(item: number, atMs: number): boolean;
  /** When the item came into the shop: its creation, or else its first event. */
  since(item: number): number;
  readonly columns: Columns;
  /** Whether a catalogue was given. */
  hasCatalogue: boolean;
  /** In the order of the numbers. */
  entries(): Iterable<ItemEntry>;
  restore(entry: ItemEntry): void;
};

const columnNames = [
  'views',
  'baskets',
  'follows',
  'long',
  'short',
  'events',
  'firstMs',
  'createdMs',
] as const;
/** Replaced when they are full. */
type Columns = Record<(typeof columnNames)[number], Float64Array>;
export type ItemEntry = [name: string, ...columns: (number | null)[]];

/** The creation of a product without a time of it. */
const alwaysThere = Number.MIN_SAFE_INTEGER;
/** That of a product which was removed. */
const neverAgain = Number.MAX_SAFE_INTEGER;

export const createItemTable = (itemsMax: number, strangersMax: number): ItemTable => {
  const names = createNames(itemsMax);
  const columns = Object.fromEntries(columnNames.map((name) => [name, new Float64Array(0)])) as Columns;
  let size = 0;
  /** The items that were never in a catalogue. */
  let strangers = 0;

  const number = (id: string): number => {
    const item = names.number(id);
    if (item === size) {
      for (const name of columnNames) columns[name] = grownTo(columns[name], item);
      columns.firstMs[item] = Number.NaN;
      columns.createdMs[item] = Number.NaN;
      size += 1;
      strangers += 1;
    }
    return item;
  };
  const setCreated = (item: number, atMs: number): void => {
    if (Number.isNaN(columns.createdMs[item]!)) strangers -= 1;
    columns.createdMs[item] = atMs;
  };

  const table: ItemTable = {
    hasCatalogue: false,
    names,
    columns,
    number,
    numberOfNamed: (id) => (table.hasCatalogue && strangers >= strangersMax ? names.find(id) : number(id)),
    list: (item, { createdAtMs }) => {
      table.hasCatalogue = true;
      setCreated(item, createdAtMs ?? alwaysThere);
    },
    unlist: (item) => setCreated(item, neverAgain),
    isInCatalogue: (item) => !table.hasCatalogue || columns.createdMs[item]! < neverAgain,
    isListed: (item, atMs) => {
      const created = columns.createdMs[item]!;
      return table.hasCatalogue ? created <= atMs : true;
    },
    since: (item) => {
      const created = columns.createdMs[item]!;
      return Number.isNaN(created) || created === alwaysThere ? columns.firstMs[item]! : created;
    },
    *entries() {
      for (let item = 0; item < names.size; item += 1)
        yield [names.name(item), ...columnNames.map((name) => columns[name][item]!)];
    },
    restore: ([id, ...values]) => {
      const item = number(id);
      for (const [nth, name] of columnNames.entries()) columns[name][item] = values[nth] ?? Number.NaN;
      if (!Number.isNaN(columns.createdMs[item]!)) strangers -= 1;
    },
  };
  return table;
};
