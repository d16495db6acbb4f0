import { Link, useNavigate } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { Button } from '../../kit/button.tsx';
import { classes } from '../../kit/classes.ts';
import { Dialog } from '../../kit/dialog.tsx';
import { CloseIcon, FilterIcon } from '../../kit/icons.tsx';
import { formatMoney } from '../../money/money.ts';
import { categoryWords } from '../../words/words.ts';
import type { Product } from '../catalogue/products.ts';
import {
  chipsOf,
  type Filters,
  type PriceRange,
  type PriceWords,
  rangeWords,
  type Sort,
  sorts,
  sortWords,
  withFilter,
} from './filters.ts';

let currency = 'GBP';
/** Amounts in an address have no currency: they are in that of the products found, or else of those found last. */
export const priceWordsBeside = (found: readonly Pick<Product, 'price'>[] = []): PriceWords => {
  currency = found[0]?.price.currency ?? currency;
  const own = currency;
  return (amountMinor) => formatMoney({ amountMinor, currency: own });
};

export const Chips = ({ filters, price }: { filters: Filters; price: PriceWords }) => {
  const chips = chipsOf(filters, { category: categoryWords, price });
  if (chips.length === 0) return null;
  return (
    <ul aria-label="Chosen filters" className="mb-5 flex flex-wrap gap-2">
      {chips.map(({ text, without }) => (
        <li key={text}>
          <Link
            to="."
            search={without}
            aria-label={`Remove the filter ${text}`}
            className="inline-flex min-h-11 items-center gap-1.5 rounded-full bg-action-wash px-4 font-medium text-action text-sm hover:underline"
          >
            {text}
            <CloseIcon size={16} />
          </Link>
        </li>
      ))}
    </ul>
  );
};

export const SortChoice = ({ filters, standard }: { filters: Filters; standard: Sort }) => {
  const navigate = useNavigate();
  const offered = sorts.filter((sort) => sort !== 'relevance' || standard === 'relevance');
  return (
    <label className="flex items-center gap-2 text-sm">
      <span className="text-ink-soft">Sort by</span>
      <select
        value={filters.sort ?? standard}
        onChange={({ target }) =>
          void navigate({
            to: '.',
            search: withFilter(filters, {
              sort: target.value === standard ? undefined : (target.value as Sort),
            }),
          })
        }
        className="min-h-11 rounded-lg border border-line-strong bg-surface px-3 text-base"
      >
        {offered.map((sort) => (
          <option key={sort} value={sort}>
            {sortWords[sort]}
          </option>
        ))}
      </select>
    </label>
  );
};

/** A rail on wide screens; on narrow ones the same in a sheet, with the count on its button. */
export const FilterRail = ({ shown, children }: { shown: string; children: ReactNode }) => {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <aside aria-label="Filters" className="hidden lg:block">
        {children}
      </aside>
      <div className="mb-4 lg:hidden">
        <Button look="secondary" onClick={() => setOpen(true)}>
          <FilterIcon /> Filter
        </Button>
        <Dialog
          isOpen={isOpen}
          onClose={() => setOpen(false)}
          title="Filter"
          place="side"
          foot={
            <Button className="w-full" onClick={() => setOpen(false)}>
              {shown}
            </Button>
          }
        >
          {children}
        </Dialog>
      </div>
    </>
  );
};

export type Choice = { key: string; text: ReactNode; count?: number; isChosen: boolean; search: Filters };

const none = { minPrice: undefined, maxPrice: undefined };

/** A range of prices; chosen again, it is taken away. */
export const priceChoice = (filters: Filters, range: PriceRange, price: PriceWords): Choice => {
  const isChosen = filters.minPrice === range.minPrice && filters.maxPrice === range.maxPrice;
  return {
    key: `${range.minPrice}-${range.maxPrice}`,
    text: rangeWords(range, price),
    isChosen,
    search: withFilter(filters, isChosen ? none : { ...none, ...range }),
  };
};

/** One group of filters. A choice is a link, so that it has an address and Back undoes it. */
export const FilterGroup = ({ title, choices }: { title: string; choices: readonly Choice[] }) => {
  if (choices.length === 0) return null;
  return (
    <section className="mb-6">
      <h2 className="mb-1 font-semibold text-sm">{title}</h2>
      <ul>
        {choices.map(({ key, text, count, isChosen, search }) => (
          <li key={key}>
            <Link
              to="."
              search={search}
              resetScroll={false}
              aria-current={isChosen || undefined}
              className={classes(
                'flex min-h-9 items-center justify-between gap-3 rounded-md px-2 py-1 text-[0.9375rem] hover:bg-sunken',
                isChosen && 'bg-action-wash font-semibold text-action',
              )}
            >
              <span>{text}</span>
              {count !== undefined && <span className="tabular text-ink-soft text-sm">{count}</span>}
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
};
