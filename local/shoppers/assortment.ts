import type { Catalogue } from '../catalogue/catalogue.js';
import { type ShopClient, unlessOk } from '../shop-client.js';

export type Listed = { id: string; name: string; category: string; available: number; active: boolean };

/** What the shop sells, as its own catalogue says; products of the seeded catalogue are found by their place in it. */
export type Assortment = {
  /** Pages through the shop's catalogue again. */
  refresh(): Promise<void>;
  /** The product that stands for a place, or undefined where it has none. */
  at(place: number): Listed | undefined;
  placeOf(productId: string): number | undefined;
  /** Those with fewer than `pieces` to sell when last looked at. */
  scarce(pieces: number): Listed[];
  size(): number;
};

type Page = { items: (Listed & { attributes: Record<string, unknown> })[]; next: string | null };

export const createAssortment = (shop: ShopClient, { products }: Catalogue): Assortment => {
  let byPlace = new Map<number, Listed>();
  let places = new Map<string, number>();
  return {
    refresh: async () => {
      const found = new Map<number, Listed>();
      let cursor: string | null = '';
      while (cursor !== null) {
        const path: string = `/api/products?limit=100${cursor && `&cursor=${encodeURIComponent(cursor)}`}`;
        const page: Page = unlessOk(await shop.call<Page>('GET', path), 'list products');
        for (const { id, name, category, available, active, attributes } of page.items)
          if (typeof attributes.place === 'number' && attributes.place < products.length)
            found.set(attributes.place, { id, name, category, available, active });
        cursor = page.next;
      }
      byPlace = found;
      places = new Map([...found].map(([place, { id }]) => [id, place]));
    },
    at: (place) => byPlace.get(place),
    placeOf: (productId) => places.get(productId),
    scarce: (pieces) => [...byPlace.values()].filter(({ available }) => available < pieces),
    size: () => byPlace.size,
  };
};
