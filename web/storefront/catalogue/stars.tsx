import { plural } from '../../words/words.ts';

const starPath = 'M10 1.5l2.6 5.6 6 .7-4.4 4.2 1.1 6-5.3-3-5.3 3 1.1-6L1.4 7.8l6-.7z';

/** Five stars, filled to the average; its words are for everybody who does not see them. */
export const Stars = ({ average, count, size = 16 }: { average: number; count?: number; size?: number }) => {
  const share = Math.max(0, Math.min(1, average / 5));
  const words = `${average.toFixed(1)} of 5 stars${count === undefined ? '' : `, ${plural(count, { one: '{count} review', other: '{count} reviews' })}`}`;
  return (
    <span className="inline-flex items-center gap-1.5 align-middle">
      <svg
        role="img"
        aria-label={words}
        width={size * 5}
        height={size}
        viewBox="0 0 100 20"
        className="shrink-0"
      >
        {[0, 20, 40, 60, 80].map((x) => (
          <path key={x} d={starPath} transform={`translate(${x} 0)`} className="fill-line" />
        ))}
        <svg
          aria-hidden="true"
          x="0"
          y="0"
          width={100 * share}
          height="20"
          viewBox={`0 0 ${100 * share} 20`}
          preserveAspectRatio="xMinYMin slice"
        >
          {[0, 20, 40, 60, 80].map((x) => (
            <path key={x} d={starPath} transform={`translate(${x} 0)`} className="fill-accent" />
          ))}
        </svg>
      </svg>
      {count !== undefined && (
        <span aria-hidden="true" className="text-ink-soft text-xs">
          ({count})
        </span>
      )}
    </span>
  );
};
