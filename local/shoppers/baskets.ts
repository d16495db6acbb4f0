import type { Catalogue } from '../catalogue/catalogue.js';
import { fromQuantiles, type Random, weightedIndices } from '../random.js';

export type BasketLine = { place: number; pieces: number };

/**
 * The data's shop sells wholesale: a simulated household buys a sixth of the pieces, and at most this many products.
 */
const wholesaleFactor = 6;
const linesMax = 12;

/** The probability that the next line goes with the previous one, instead of being any product in season. */
const togetherShare = 0.6;

export type Baskets = {
  /** Distinct products: first `liked`, then products that the data's customers bought with them. */
  fill(liked: readonly number[], month: number, random: Random): BasketLine[];
};

export const basketsOf = ({ products, baskets }: Catalogue): Baskets => {
  const drawOfMonth = Array.from({ length: 12 }, (_, month) =>
    weightedIndices(
      products.map(({ popularity, season }) => popularity * (0.2 + Number(season[month] ?? 5))),
    ),
  );
  return {
    fill: (liked, month, random) => {
      const wanted = Math.min(
        linesMax,
        products.length,
        Math.max(1, Math.round(fromQuantiles(baskets.linesQuantiles, random))),
      );
      const places = new Set(liked.slice(-wanted));
      const draw = drawOfMonth[month] as (random: Random) => number;
      // In a small catalogue there may be no further products: then the basket stays smaller.
      for (let tries = 0; places.size < wanted && tries < wanted * 4; tries += 1) {
        const neighbours = products[[...places].at(-1) ?? 0]?.neighbours ?? [];
        places.add(
          neighbours.length > 0 && random.chance(togetherShare) ? random.pick(neighbours) : draw(random),
        );
      }
      return [...places].map((place) => ({
        place,
        pieces: Math.max(1, Math.round(fromQuantiles(baskets.piecesQuantiles, random) / wholesaleFactor)),
      }));
    },
  };
};
