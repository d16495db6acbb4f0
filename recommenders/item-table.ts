import type { Product } from './activity.js';
import { createNames, type Names } from './names.js';

/** What is counted for each item, by its number. Masses are forward-decayed sums. */
export type ItemTable = {
  readonly names: Names;
  /** The item's number, a new one if it has none; -1 when there are too many items. */
  number(id: string): number;
  list(item: number, product: Product): void;
  /** True when no catalogue was given, or the item is in it; and it was created by then. */
  isListed(item: number, atMs: number): boolean;
  /** When the item came into the shop: its creation, or else its first event. */
  since(item: number): number;
  readonly columns: Columns;
  toJson(): ItemTableJson;
  restore(json: ItemTableJson): void;
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
type Columns = Record<(typeof columnNames)[number], number[]>;
export type ItemTableJson = { names: string[]; columns: (number | null)[][]; hasCatalogue: boolean };

/** The creation of a product without a time of it. */
const alwaysThere = Number.MIN_SAFE_INTEGER;

export const createItemTable = (itemsMax: number): ItemTable => {
  const names = createNames(itemsMax);
  const columns = Object.fromEntries(columnNames.map((name) => [name, [] as number[]])) as Columns;
  let hasCatalogue = false;

  const number = (id: string): number => {
    const item = names.number(id);
    if (item >= 0 && item === columns.views.length) {
      for (const name of columnNames) columns[name].push(name.endsWith('Ms') ? Number.NaN : 0);
    }
    return item;
  };

  return {
    names,
    columns,
    number,
    list: (item, { createdAtMs }) => {
      hasCatalogue = true;
      columns.createdMs[item] = createdAtMs ?? alwaysThere;
    },
    isListed: (item, atMs) => {
      const created = columns.createdMs[item]!;
      return hasCatalogue ? created <= atMs : true;
    },
    since: (item) => {
      const created = columns.createdMs[item]!;
      return Number.isNaN(created) || created === alwaysThere ? columns.firstMs[item]! : created;
    },
    toJson: () => ({
      names: Array.from({ length: names.size }, (_, item) => names.name(item)),
      columns: columnNames.map((name) => [...columns[name]]),
      hasCatalogue,
    }),
    restore: (json) => {
      for (const name of json.names) number(name);
      for (const [nth, name] of columnNames.entries())
        for (const [item, value] of json.columns[nth]!.entries()) columns[name][item] = value ?? Number.NaN;
      hasCatalogue = json.hasCatalogue;
    },
  };
};
