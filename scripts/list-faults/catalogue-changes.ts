import type { Shop } from '../../tests/shop.js';
import type { Forbidden } from './forbidden.js';

export type Change = 'sold out' | 'not for sale' | 'excluded by a rule' | 'deleted';

/** Changes of single products by staff, each of which takes the product off every list, and its way back. */
export const createCatalogueChanges = (shop: Shop, token: string, forbidden: Forbidden) => {
  const excluded = new Set<string>();
  const changed = async (
    method: string,
    path: string,
    bodyOf?: (known: Record<string, unknown>) => unknown,
  ): Promise<boolean> => {
    for (let tries = 0; tries < 10; tries += 1) {
      const read = await shop.call<Record<string, unknown>>('GET', path, { token });
      const headers = { 'if-match': read.headers.get('etag') ?? '' };
      const body = bodyOf?.(read.body);
      const { status } = await shop.call(method, path, { token, headers, body });
      if (status < 300) return true;
      // Pieces that are reserved for an order under way cannot be taken away.
      if (status === 409) return false;
      if (status !== 412 && status !== 503) throw new Error(`${method} ${path} was answered ${status}`);
    }
    throw new Error(`${method} ${path} was refused again and again`);
  };
  const setStock = (id: string, onHand: number) => changed('PUT', `/api/inventory/${id}`, () => ({ onHand }));
  const setActive = (id: string, active: boolean) =>
    changed('PUT', `/api/products/${id}`, (known) => ({ ...known, active }));
  const setRules = () =>
    changed('PUT', '/api/recommendations/rules', (known) => ({
      ...known,
      exclude: [...excluded].map((productId) => ({ productId })),
    }));
  const ways: Record<
    Change,
    { take(id: string): Promise<boolean>; giveBack?(id: string): Promise<boolean> }
  > = {
    'sold out': { take: (id) => setStock(id, 0), giveBack: (id) => setStock(id, 50) },
    'not for sale': { take: (id) => setActive(id, false), giveBack: (id) => setActive(id, true) },
    'excluded by a rule': {
      take: (id) => {
        excluded.add(id);
        return setRules();
      },
      giveBack: (id) => {
        excluded.delete(id);
        return setRules();
      },
    },
    deleted: { take: (id) => changed('DELETE', `/api/products/${id}`) },
  };
  return {
    take: async (id: string, change: Change): Promise<void> => {
      if (await ways[change].take(id)) forbidden.forbid(id, change, performance.now());
    },
    /** Nothing comes back that was deleted. */
    giveBack: async (id: string, change: Change): Promise<void> => {
      const { giveBack } = ways[change];
      if (giveBack === undefined) return;
      forbidden.allow(id);
      await giveBack(id);
    },
  };
};
