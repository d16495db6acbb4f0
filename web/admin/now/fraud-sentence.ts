import type { components } from '../../api/schema.d.ts';
import { formatMoney } from '../../money/money.ts';
import { plural } from '../../words/words.ts';

export type FraudSignal = NonNullable<components['schemas']['OpsSignals']['fraudSignals']>['newest'][number];

type Described = Pick<
  FraudSignal,
  'kind' | 'buyer' | 'userId' | 'count' | 'amountMinor' | 'currency' | 'detail'
>;

/** Why an order stands out, in words. It is the order of the signal whose amount is named. */
export const fraudSentence = (signal: Described): string => {
  const by = `${signal.userId === null ? 'guest' : 'account'} ${signal.buyer.slice(-8)}`;
  const amount = amountOf(signal);
  return `${whatOf(signal, by)}${amount === undefined || signal.kind === 'amount' ? '' : `; this one is of ${amount}`}`;
};

const whatOf = (signal: Described, by: string): string => {
  const { kind, count, detail } = signal;
  switch (kind) {
    case 'velocity':
      return `${plural(count, { one: '{count} order', other: '{count} orders' })} of ${by} within ten minutes`;
    case 'declines':
      return `${plural(count, { one: '{count} payment', other: '{count} payments' })} of ${by} declined within ten minutes`;
    case 'mismatch':
      return `Orders of ${by} to ${plural(count, { one: '{count} country', other: '{count} countries' })} within ten minutes: ${detail.split(' ').join(', ')}`;
    case 'amount':
      return `An order of ${by} of an unusual amount: ${amountOf(signal) ?? 'not known'}`;
  }
};

const amountOf = ({ amountMinor, currency }: Described): string | undefined =>
  currency === null || amountMinor === 0 ? undefined : formatMoney({ amountMinor, currency });
