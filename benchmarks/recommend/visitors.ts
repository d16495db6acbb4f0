import type { Activity } from '#recommenders/activity';
import { dataSetsFolder } from '../../local/data-sets.js';
import { beganMs, generate } from './generated.js';
import { filesOfSplits, missingFiles, retailrocketSplits } from './splits.js';

/** A line of `recommend:batch`'s events; item numbers are texts of digits, as Serenade wants them. */
export type View = { type: 'product_viewed'; visitId: string; productId: string; occurredAt: string };

/** Somebody who has looked at products in the visit and now has one in view. */
export type Visitor = { visitId: string; seen: readonly string[]; inView: string };

export type Audience = {
  source: string;
  /** What was looked at before, then what the visitors have seen. */
  views: readonly View[];
  /** How many of the views are from before. */
  earlier: number;
  visitors: readonly Visitor[];
  /** When the lists are asked for. */
  atMs: number;
};

const minuteMs = 60_000;

/** Real visits where the data set is there, otherwise generated ones. */
export const audienceOf = (visitorsMax: number): Audience => {
  const hasData = missingFiles(dataSetsFolder, filesOfSplits.retailrocket).length === 0;
  const { source, earlier, visits } = hasData ? realVisits(visitorsMax) : generatedVisits(visitorsMax);
  const beginMs =
    earlier.reduce((last, { occurredAt }) => Math.max(last, Date.parse(occurredAt)), 0) + minuteMs;
  let atMs = beginMs;
  const visitors = visits.map(
    (clicks, nth): Visitor => ({
      visitId: `visitor-${nth}`,
      seen: clicks.slice(0, -1),
      inView: clicks.at(-1) as string,
    }),
  );
  const own = visitors.flatMap(({ visitId, seen }) =>
    seen.map((productId): View => {
      atMs += 10;
      return { type: 'product_viewed', visitId, productId, occurredAt: new Date(atMs).toISOString() };
    }),
  );
  return { source, views: [...earlier, ...own], earlier: earlier.length, visitors, atMs: atMs + minuteMs };
};

type Found = { source: string; earlier: View[]; visits: string[][] };

const realVisits = (visitorsMax: number): Found => {
  const [split] = retailrocketSplits(dataSetsFolder, 'test');
  return {
    source: 'Retailrocket',
    earlier: (split?.events ?? []) as View[],
    visits: (split?.queries ?? []).slice(0, visitorsMax).map(({ visit = [] }) => visit),
  };
};

const generatedVisits = (visitorsMax: number): Found => {
  const shop = generate({ products: 20_000, users: 20_000 });
  const numberOf = (id: string): string => id.slice(1);
  const viewOf = ({ visitId = '', productIds, atMs }: Activity): View => ({
    type: 'product_viewed',
    visitId,
    productId: numberOf(productIds[0] as string),
    occurredAt: new Date(atMs).toISOString(),
  });
  return {
    source: 'generated',
    earlier: [...shop.activities(500_000)].filter(({ kind }) => kind !== 'bought').map(viewOf),
    visits: [...shop.queries('product', visitorsMax, beganMs)].map(({ visit = [] }) => visit.map(numberOf)),
  };
};
