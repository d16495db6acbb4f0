import { type ShopClient, unlessOk } from '../shop-client.js';
import type { Assortment } from './assortment.js';

const scarcePieces = 10;
const restockedAtOnceMax = 50;

/** Restocks products that have nearly run out, as a shop's operator does; returns how many products it restocked. */
export const restock = async (
  shop: ShopClient,
  assortment: Assortment,
  admin: { email: string; password: string },
  quantityFor: (place: number) => number,
): Promise<number> => {
  const scarce = assortment.scarce(scarcePieces).slice(0, restockedAtOnceMax);
  if (scarce.length === 0) return 0;
  const { accessToken: token } = unlessOk(
    await shop.call<{ accessToken: string }>('POST', '/api/auth/login', { body: admin }),
    'log in as operator',
  );
  for (const { id } of scarce)
    unlessOk(
      await shop.call('POST', `/api/inventory/${id}/restock`, {
        token,
        body: { quantity: quantityFor(assortment.placeOf(id) ?? 0) },
      }),
      'restock',
    );
  return scarce.length;
};
