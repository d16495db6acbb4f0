import type { Catalogue } from '../catalogue/catalogue.js';
import { type ShopClient, unlessOk } from '../shop-client.js';

export type Listed = { id: string; name: string; category: string; available: number; active: boolean };

/**
 * The products that the shop sells, read from its catalogue. Seeded products are found by their position in the seeded
 * catalogue.
 */
export type Assortment = {
  /** Pages through the shop's catalogue again. */
  refresh(): Promise<void>;
  /** The product of a position, or undefined if the shop does not have it. */
  at(place: number): Listed | undefined;
  placeOf(productId: string): number | undefined;
  /** The products with fewer than `pieces` available at the last reading. */
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
