import { Link } from '@tanstack/react-router';
import { When } from '../../kit/when.tsx';
import { plural } from '../../words/words.ts';
import { fraudSentence } from './fraud-sentence.ts';
import type { Signals } from './signals.ts';
import { isCapped } from './watched.ts';

/** Orders that staff should look at. They decide nothing, so nothing is wrong where there are some. */
export const FraudSignals = ({ signals }: { signals: Signals | undefined }) => {
  const { count = 0, newest = [] } = signals?.fraudSignals ?? {};
  if (newest.length === 0) return null;
  const known =
    plural(count, { one: '{count} signal', other: '{count} signals' }) +
    (isCapped(signals?.fraudSignals) ? ' or more' : '');
  return (
    <section aria-label="Signals of fraud" className="mt-8">
      <h2 className="font-semibold text-lg">Signals of fraud</h2>
      <p className="mb-3 text-ink-soft text-sm">
        {known} in the last 24 hours, the newest first. A signal stops no order.
      </p>
      <ul className="divide-y divide-line rounded-xl border border-line bg-surface">
        {newest.map((signal) => (
          <li key={signal.signalId}>
            <Link
              to="/orders/$id"
              params={{ id: signal.orderId }}
              className="flex flex-wrap items-baseline gap-x-4 px-4 py-3 text-sm hover:bg-sunken"
            >
              <span className="font-mono font-semibold">{signal.orderId.slice(-8)}</span>
              <span className="min-w-0 flex-1">{fraudSentence(signal)}</span>
              <span className="text-ink-soft">
                <When time={signal.occurredAt} as="ago" />
              </span>
              <span className="font-semibold text-action">Open</span>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
};
