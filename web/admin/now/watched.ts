import type { Signals } from './signals.ts';

/** The stream of signals counts so far: 100 stands for 100 or more. */
const countMax = 100;

export const isCapped = (part: { count: number } | null | undefined): boolean => part?.count === countMax;

type Figure = {
  name: string;
  /** Undefined where nobody has answered. */
  value: number | undefined;
  /** Written as it stands: with a plus where there may be more. */
  text: string;
};

const figure = (name: string, value: number | undefined, mayBeMore = false): Figure => ({
  name,
  value,
  text: value === undefined ? '–' : `${value}${mayBeMore ? '+' : ''}`,
});

/** What the page watches. `books` are the first differences between them. */
export const watchedOf = (
  signals: Signals | undefined,
  books: { items: readonly unknown[]; next: string | null } | undefined,
) => {
  const { stuckOrders, deadLetters, lowStock, servicesDown, servicesSlow = [] } = signals ?? {};
  const down = servicesDown?.filter((name) => !servicesSlow.includes(name));
  return {
    stuck: figure('Orders stuck', stuckOrders?.count, isCapped(stuckOrders)),
    letters: figure('Dead letters waiting', deadLetters?.waiting),
    books: figure(
      'Differences in the books',
      books?.items.length,
      books !== undefined && books.next !== null,
    ),
    // Those that are sold out are counted among those that run low.
    soldOut: figure('Products sold out', lowStock?.outOfStock, isCapped(lowStock)),
    down: figure('Services down', down?.length),
  };
};
