import { classes } from '../../kit/classes.ts';
import { AlertIcon, CheckIcon } from '../../kit/icons.tsx';
import { formatMoney } from '../../money/money.ts';
import type { Saga, Tone } from '../../saga/saga.ts';
import { type Tick, ticksOf, verdictOf } from '../../saga/verdict.ts';
import type { TimelineEvent } from './order-answers.ts';

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });

const looks: Readonly<Record<Tone, string>> = {
  good: 'border-good bg-good-wash',
  waiting: 'border-warn bg-warn-wash',
  bad: 'border-bad bg-bad-wash',
  neutral: 'border-line-strong bg-sunken',
};

/** The order's story in one sentence, its sums, and whether its books agree. */
export const VerdictPanel = ({
  saga,
  nowMs,
  events,
  messages,
}: {
  saga: Saga;
  nowMs: number;
  events: readonly TimelineEvent[];
  messages: number | null;
}) => {
  const { tone, sentence } = verdictOf(saga, nowMs, (ms) => clock.format(new Date(ms)));
  const own = events.filter(({ service }) => service === 'order');
  const inAnalytics = own.length === 0 ? null : own.every(({ offset }) => typeof offset === 'number');
  return (
    <section aria-label="In short" className={classes('rounded-xl border-l-4 p-5', looks[tone])}>
      <p className="font-display text-xl" data-testid="verdict">
        {sentence}
      </p>
      <dl className="mt-4 grid grid-cols-2 gap-x-6 gap-y-3 sm:grid-cols-4 xl:grid-cols-8">
        {sumsOf(saga).map(({ name, value, isMuted }) => (
          <div key={name}>
            <dt className="text-ink-soft text-xs">{name}</dt>
            <dd className={classes('tabular font-semibold', isMuted && 'font-normal text-ink-soft')}>
              {value}
            </dd>
          </div>
        ))}
      </dl>
      <ul className="mt-4 flex flex-wrap gap-2">
        {ticksOf(saga, { messages, inAnalytics }).map((tick) => (
          <TickChip key={tick.name} {...tick} />
        ))}
      </ul>
    </section>
  );
};

const sumsOf = ({ sums }: Saga) => {
  const money = (amountMinor: number): string =>
    sums.currency === null ? '–' : formatMoney({ amountMinor, currency: sums.currency });
  const row = (name: string, amount: number, text: string) => ({ name, value: text, isMuted: amount === 0 });
  const backPieces = sums.releasedPieces + sums.undonePieces + sums.returnedPieces;
  return [
    row('Total', sums.totalMinor, money(sums.totalMinor)),
    row('Guaranteed', sums.authorizedMinor, money(sums.authorizedMinor)),
    row('Captured', sums.capturedMinor, money(sums.capturedMinor)),
    row('Refunded', sums.refundedMinor, money(sums.refundedMinor)),
    row('Net', sums.netMinor, money(sums.netMinor)),
    row('Held in stock', sums.reservedPieces, `${sums.reservedPieces} of ${sums.pieces}`),
    row('Sold', sums.committedPieces, `${sums.committedPieces} of ${sums.pieces}`),
    row('Back', backPieces, String(backPieces)),
  ];
};

const tickLooks: Readonly<Record<Tick['state'], { look: string; word: string }>> = {
  yes: { look: 'text-good', word: 'yes' },
  no: { look: 'text-bad', word: 'no' },
  'not yet': { look: 'text-warn', word: 'not yet' },
  unknown: { look: 'text-ink-soft', word: 'unknown' },
};

const TickChip = ({ name, state, detail }: Tick) => {
  const { look, word } = tickLooks[state];
  return (
    <li title={detail} className="inline-flex items-center gap-1.5 rounded-full bg-surface px-3 py-1 text-sm">
      <span className={look}>
        {state === 'yes' ? <CheckIcon size={14} /> : state === 'no' ? <AlertIcon size={14} /> : '○'}
      </span>
      {name}
      <span className={classes('font-semibold', look)}>{word}</span>
    </li>
  );
};
