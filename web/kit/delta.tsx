import { classes } from './classes.ts';

export type Change = { text: string; direction: 'up' | 'down' | 'level' | 'new' };

/** The change against the figure before it; from zero it is new, not a percentage; `points` for rates. */
export const changeOf = (now: number, before: number, unit: 'percent' | 'points' = 'percent'): Change => {
  if (now === before) return { text: 'no change', direction: 'level' };
  const direction = now > before ? 'up' : 'down';
  if (unit === 'points') {
    const points = Math.abs(now - before) * 100;
    return { text: `${points >= 10 ? points.toFixed(0) : points.toFixed(1)} points`, direction };
  }
  if (before === 0) return { text: 'new', direction: 'new' };
  const share = Math.abs((now - before) / before) * 100;
  return { text: `${share >= 10 ? share.toFixed(0) : share.toFixed(1)} %`, direction };
};

const arrows = { up: '▲', down: '▼', level: '–', new: '' } as const;
const spoken = { up: 'up ', down: 'down ', level: '', new: '' } as const;

/** Whether a rise is good is a property of the figure: more cancellations are not. */
export const Delta = ({
  now,
  before,
  unit,
  isRiseGood = true,
}: {
  now: number;
  before: number | undefined;
  unit?: 'percent' | 'points';
  isRiseGood?: boolean | undefined;
}) => {
  if (before === undefined) return null;
  const { text, direction } = changeOf(now, before, unit);
  const isGood = direction === 'up' || direction === 'new' ? isRiseGood : !isRiseGood;
  return (
    <span
      className={classes(
        'tabular whitespace-nowrap text-xs',
        direction === 'level' ? 'text-ink-soft' : isGood ? 'text-good' : 'text-bad',
      )}
    >
      <span aria-hidden="true">{arrows[direction]} </span>
      <span className="sr-only">{spoken[direction]}</span>
      {text}
    </span>
  );
};
