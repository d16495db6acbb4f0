import { ago } from './time.ts';

const exact = new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeStyle: 'long' });
const looks = {
  day: new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'long', year: 'numeric' }),
  minute: new Intl.DateTimeFormat('en-GB', {
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
  }),
  second: new Intl.DateTimeFormat('en-GB', {
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    fractionalSecondDigits: 3,
  }),
};

/** A time in the reader's zone; its exact form with the zone is the tooltip. */
export const When = ({ time, as = 'minute' }: { time: string; as?: keyof typeof looks | 'ago' }) => {
  const date = new Date(time);
  return (
    <time dateTime={time} title={exact.format(date)} className="tabular">
      {as === 'ago' ? ago(date) : looks[as].format(date)}
    </time>
  );
};
