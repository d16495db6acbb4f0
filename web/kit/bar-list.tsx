import type { ReactNode } from 'react';

export type BarRow = {
  key: string;
  label: ReactNode;
  /** Decides the length of the bar. */
  value: number;
  text: string;
  aside?: ReactNode;
  onPick?: (() => void) | undefined;
};

/** Rows with a bar behind each label, the longest first as given. */
export const BarList = ({ rows, label }: { rows: readonly BarRow[]; label: string }) => {
  const max = Math.max(1, ...rows.map(({ value }) => value));
  return (
    <ol aria-label={label} className="flex flex-col gap-1 text-sm">
      {rows.map(({ key, label: name, value, text, aside, onPick }) => {
        const content = (
          <>
            <svg aria-hidden="true" className="absolute inset-0 size-full" preserveAspectRatio="none">
              <rect
                width={`${(Math.max(0, value) / max) * 100}%`}
                height="100%"
                rx="4"
                className="fill-action-wash"
              />
            </svg>
            <span className="relative min-w-0 flex-1 py-1 leading-tight [overflow-wrap:anywhere]">
              {name}
            </span>
            {aside && <span className="relative shrink-0 text-ink-soft text-xs">{aside}</span>}
            <span className="tabular relative font-medium">{text}</span>
          </>
        );
        const look = 'relative flex min-h-8 w-full items-center gap-3 rounded px-2 text-left';
        return (
          <li key={key}>
            {onPick ? (
              <button type="button" onClick={onPick} className={`${look} hover:bg-sunken`}>
                {content}
              </button>
            ) : (
              <div className={look}>{content}</div>
            )}
          </li>
        );
      })}
    </ol>
  );
};
