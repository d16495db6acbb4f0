export const pageSize = 100;

export type ProductPage = { items: { attributes: Record<string, unknown> }[] };

/** Places of the catalogue, counted from 0, that the seeded products on a page came from. */
export const placesOn = (page: ProductPage): number[] =>
  page.items.flatMap(({ attributes: { place } }) => (typeof place === 'number' ? [place] : []));

/**
 * Whether the shop has the seeded catalogue of that size. Products are made in the order of their places, so when the
 * newest ones are the whole end of the catalogue nothing before them is missing, and one page tells (up to a product whose
 * request was still being tried again when a launcher was killed a hundred products later). No answer, or a shelf with
 * other products in front, is a no: who seeds then looks closely.
 */
export async function hasFullShelves(gatewayUrl: string, catalogSize: number): Promise<boolean> {
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
}
