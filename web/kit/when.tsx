import { ago } from './time.ts';

const exact = new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeStyle: 'long' });
/** A time of another year says which. */
const minuteOfYear = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
});
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
  const isOfYear = date.getFullYear() === new Date().getFullYear();
  const look = as === 'minute' && !isOfYear ? minuteOfYear : as === 'ago' ? undefined : looks[as];
  return (
    <time dateTime={time} title={exact.format(date)} className="tabular">
      {look === undefined ? ago(date) : look.format(date)}
    </time>
  );
};
