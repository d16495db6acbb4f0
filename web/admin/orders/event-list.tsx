import { classes } from '../../kit/classes.ts';
import { CopyText } from '../../kit/problem-panel.tsx';
import { formatDuration } from '../../kit/time.ts';
import { formatMoney } from '../../money/money.ts';
import type { Saga } from '../../saga/saga.ts';
import { plural } from '../../words/words.ts';
import type { TimelineEvent } from './order-answers.ts';

type Entry = Saga['events'][number] & TimelineEvent;

const clock = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
});
const day = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric', month: 'short' });

/** Every event in its order; open one for all that is known of it. Repeats are marked and kept. */
export const EventList = ({
  saga,
  selected,
  onSelect,
}: {
  saga: Saga;
  selected: string | undefined;
  onSelect(key: string | undefined): void;
}) => (
  <section aria-label="Events" className="rounded-xl border border-line bg-surface">
    <h2 className="border-line border-b px-4 py-3 font-semibold">
      Events <span className="font-normal text-ink-soft">{saga.events.length}</span>
    </h2>
    <ol>
      {(saga.events as Entry[]).map((event, at) => {
        const { key } = event;
        const before = saga.events[at - 1];
        return (
          <li key={key} className="border-line border-b last:border-b-0">
            <button
              type="button"
              aria-expanded={key === selected}
              onClick={() => onSelect(key === selected ? undefined : key)}
              className={classes(
                'grid w-full grid-cols-[6.5rem_1fr] items-baseline gap-x-4 px-4 py-2.5 text-left text-sm hover:bg-sunken md:grid-cols-[6.5rem_5rem_5rem_11rem_1fr]',
                key === selected && 'bg-action-wash',
              )}
            >
              <time
                dateTime={event.occurredAt}
                title={event.occurredAt}
                className="tabular font-mono text-xs"
              >
                {clock.format(event.atMs)}
              </time>
              <span className="tabular hidden text-right text-ink-soft text-xs md:block">
                {before === undefined
                  ? day.format(event.atMs)
                  : `+${formatDuration(event.atMs - before.atMs)}`}
              </span>
              <span className="hidden text-ink-soft md:block">{event.service}</span>
              <span className="font-medium">
                {event.type}
                {event.isRepeat && <span className="ml-2 text-warn text-xs">repeat</span>}
                {(event.attempt ?? 1) > 1 && (
                  <span className="ml-2 text-warn text-xs">attempt {event.attempt}</span>
                )}
              </span>
              <span className="col-span-2 truncate text-ink-soft md:col-span-1">{summaryOf(event)}</span>
            </button>
            {key === selected && <Details event={event} />}
          </li>
        );
      })}
    </ol>
  </section>
);

const summaryOf = ({ data }: Entry): string => {
  const parts: string[] = [];
  const { amountMinor, totalMinor, refundMinor, currency, lines, reason, method, carrier, trackingNumber } =
    data;
  const minor = amountMinor ?? refundMinor ?? totalMinor;
  if (typeof minor === 'number')
    parts.push(typeof currency === 'string' ? formatMoney({ amountMinor: minor, currency }) : String(minor));
  if (Array.isArray(lines)) {
    const pieces = lines.reduce((sum: number, line: { quantity?: number }) => sum + (line.quantity ?? 0), 0);
    if (pieces > 0) parts.push(plural(pieces, { one: '{count} piece', other: '{count} pieces' }));
  }
  for (const text of [reason, method, carrier, trackingNumber])
    if (typeof text === 'string' && text !== '')
      parts.push(text === reason ? text.replaceAll('_', ' ') : text);
  return parts.slice(0, 3).join(' · ');
};

const Details = ({ event }: { event: Entry }) => {
  const place =
    event.topic == null
      ? 'not known yet'
      : `${event.topic} / ${event.partition ?? '?'} / ${event.offset ?? 'not in ClickHouse yet'}`;
  return (
    <div className="grid gap-4 bg-sunken px-4 py-3 md:grid-cols-2">
      <dl className="grid grid-cols-[7rem_1fr] gap-y-1 text-sm">
        <dt className="text-ink-soft">On the log</dt>
        <dd className="font-mono text-xs">{place}</dd>
        {(
          [
            ['Event', event.eventId],
            ['Caused by', event.causationId],
            ['Correlation', event.correlationId],
            ['Trace', event.traceId],
          ] as const
        ).map(
          ([name, id]) =>
            id && (
              <div key={name} className="contents">
                <dt className="text-ink-soft">{name}</dt>
                <dd>
                  <CopyText text={id} label="Copy" />
                </dd>
              </div>
            ),
        )}
      </dl>
      <pre className="max-h-72 overflow-auto rounded-lg bg-surface p-3 text-xs">
        {JSON.stringify(event.data, null, 2)}
      </pre>
    </div>
  );
};
