export type Money = { amountMinor: number; currency: string };

/** ISO 4217's decimals where they are not two. `Intl` has other figures for some currencies, so it is not asked. */
export const decimalsOtherThanTwo: Readonly<Record<string, number>> = {
  ...Object.fromEntries(
    'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'.split(' ').map((code) => [code, 0]),
  ),
  ...Object.fromEntries('BHD IQD JOD KWD LYD OMR TND'.split(' ').map((code) => [code, 3])),
  CLF: 4,
  UYW: 4,
};

export const decimalsOf = (currency: string): number => decimalsOtherThanTwo[currency] ?? 2;

/** The amount as a decimal text with a point: 1999 EUR is `19.99`. Exact for every safe integer. */
export const decimalText = ({ amountMinor, currency }: Money): string => {
  const decimals = decimalsOf(currency);
  const digits = String(Math.abs(amountMinor)).padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  const sign = amountMinor < 0 ? '-' : '';
  return decimals === 0 ? `${sign}${whole}` : `${sign}${whole}.${digits.slice(-decimals)}`;
};

/** The minor units of a decimal text that a person has typed; undefined where it is no amount of the currency. */
export const minorOf = (text: string, currency: string): number | undefined => {
  const [, whole, , fraction = ''] = /^\s*(\d{1,13})(?:([.,])(\d*))?\s*$/.exec(text) ?? [];
  const decimals = decimalsOf(currency);
  if (whole === undefined || fraction.length > decimals) return undefined;
  return Number(whole + fraction.padEnd(decimals, '0'));
};

const formats = new Map<string, Intl.NumberFormat>();

const formatOf = (locale: string, currency: string): Intl.NumberFormat => {
  const key = `${locale} ${currency}`;
  let format = formats.get(key);
  if (format === undefined) {
    const decimals = decimalsOf(currency);
    format = new Intl.NumberFormat(locale, {
      style: 'currency',
      currency,
      minimumFractionDigits: decimals,
      maximumFractionDigits: decimals,
    });
    formats.set(key, format);
  }
  return format;
};

/** `£19.99`. The decimal text goes to the formatter, not a number, so nothing is rounded on the way. */
export const formatMoney = (money: Money, locale = 'en-GB'): string =>
  formatOf(locale, money.currency).format(decimalText(money) as `${number}`);

export const times = ({ amountMinor, currency }: Money, quantity: number): Money => ({
  amountMinor: amountMinor * quantity,
  currency,
});

/** Undefined for nothing, and for amounts of several currencies, which have no sum. */
export const sumOf = (amounts: readonly Money[]): Money | undefined => {
  const [first] = amounts;
  if (first === undefined || amounts.some(({ currency }) => currency !== first.currency)) return undefined;
  return {
    amountMinor: amounts.reduce((sum, { amountMinor }) => sum + amountMinor, 0),
    currency: first.currency,
  };
};
