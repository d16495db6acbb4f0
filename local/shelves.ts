export const pageSize = 100;

export type ProductPage = { items: { attributes: Record<string, unknown> }[] };

/** The positions in the catalogue, from 0, of the seeded products on a page. */
export const placesOn = (page: ProductPage): number[] =>
  page.items.flatMap(({ attributes: { place } }) => (typeof place === 'number' ? [place] : []));

/**
 * True if the shop has the seeded catalogue of that size. Products are created in the order of their positions, so if
 * the newest products are the end of the catalogue, all before them were there, and one page is enough to check. False
 * without an answer, or if other products are newer or one of these was removed: then the seed looks at every product.
 */
export const hasFullShelves = async (gatewayUrl: string, catalogSize: number): Promise<boolean> => {
  try {
    const answer = await fetch(`${gatewayUrl}/api/products?limit=${pageSize}`, {
      signal: AbortSignal.timeout(3_000),
    });
    if (!answer.ok) return false;
    const places = new Set(placesOn((await answer.json()) as ProductPage));
    const end = Array.from({ length: Math.min(pageSize, catalogSize) }, (_, nth) => catalogSize - 1 - nth);
    return end.every((place) => places.has(place));
  } catch {
    return false;
  }
};
