import { decimalsOf, formatMoney } from '../money/money.ts';

export const exact = (amountMinor: number, currency: string | undefined): string =>
  currency === undefined ? '–' : formatMoney({ amountMinor: Math.round(amountMinor), currency });

const compacts = new Map<string, Intl.NumberFormat>();

/** `£1.25k`, for axes. */
export const compact = (amountMinor: number, currency: string | undefined): string => {
  if (currency === undefined) return '–';
  let format = compacts.get(currency);
  if (format === undefined) {
    format = new Intl.NumberFormat('en-GB', {
      style: 'currency',
      currency,
      notation: 'compact',
      // Ticks at £1,250 and £1,500 must not both read as something else.
      maximumFractionDigits: 2,
      minimumFractionDigits: 0,
    });
    compacts.set(currency, format);
  }
  return format.format(amountMinor / 10 ** decimalsOf(currency));
};

const whole = new Intl.NumberFormat('en-GB');
export const count = (value: number): string => whole.format(value);

const threeFigures = new Intl.NumberFormat('en-GB', { maximumSignificantDigits: 3 });

/** Three figures at most; a dash where it is unknown. */
export const percent = (share: number | null | undefined): string =>
  share === null || share === undefined ? '–' : `${threeFigures.format(share * 100)} %`;
