import type { ReactNode } from 'react';
import { classes } from '../kit/classes.ts';
import { Region } from '../kit/error-boundary.tsx';
import { Freshness } from '../kit/freshness.tsx';
import { ProblemPanel } from '../kit/problem-panel.tsx';
import { Skeleton } from '../kit/skeleton.tsx';
import { useAsked } from './asked.tsx';
import { saveCsv } from './csv.ts';
import type { Answer } from './own-answer.ts';
import { isNarrow } from './revenue.ts';

export type Rows = { columns: readonly string[]; rows: readonly (readonly (string | number | null)[])[] };

/** One answer in its box: its title, its age, its rows as a file, and the same look for each state it can be in. */
export const Panel = ({
  title,
  answer,
  isEmpty,
  empty,
  csv,
  aside,
  className,
  minHeight = 'min-h-72',
  isTable = false,
  isOfWholeShop = false,
  children,
}: {
  title: string;
  answer: Answer<{ asOf: string; lagMs: number }>;
  /** Of an answer to what is asked: while it is still the one before, nothing is said of this one. */
  isEmpty?: boolean;
  /** What it means that nothing is here. */
  empty?: ReactNode;
  csv?: (() => Rows) | undefined;
  aside?: ReactNode;
  className?: string;
  minHeight?: string;
  isTable?: boolean;
  /** Its answer is the same whatever category or product is looked at, and it says so. */
  isOfWholeShop?: boolean;
  children: ReactNode;
}) => {
  const { data, error, isPending, isPlaceholderData, dataUpdatedAt } = answer;
  const { question, period } = useAsked();
  return (
    <section
      aria-label={title}
      className={classes(
        'flex min-w-0 flex-col rounded-xl border border-line bg-surface p-4',
        minHeight,
        className,
      )}
    >
      <header className="mb-3 flex flex-wrap items-center gap-x-3 gap-y-1">
        <h2 className="font-semibold">{title}</h2>
        {aside}
        {isOfWholeShop && isNarrow(question) && (
          <span className="text-ink-soft text-xs">of the whole shop</span>
        )}
        <span className="ml-auto flex items-center gap-3">
          {data && (
            <Freshness
              asOf={data.asOf}
              lagMs={data.lagMs}
              answeredAtMs={dataUpdatedAt}
              isWhole={data.asOf >= period.to}
              isCutOff={error !== null}
              zone={question.tz}
            />
          )}
          {csv && data && !isEmpty && (
            <button
              type="button"
              aria-label={`${title} as CSV`}
              onClick={() =>
                saveCsv(title.toLowerCase().replaceAll(' ', '-'), data.asOf, csv().columns, csv().rows)
              }
              className="min-h-8 rounded-md px-2 text-action text-xs hover:bg-action-wash"
            >
              CSV
            </button>
          )}
        </span>
      </header>
      <Region>
        {data === undefined && error !== null ? (
          <ProblemPanel error={error} onRetry={() => void answer.refetch()} isSmall />
        ) : isPending ? (
          <div aria-busy="true" className="relative flex flex-1 flex-col">
            <Skeleton className="h-full min-h-40 w-full flex-1" />
            <p className="absolute inset-0 m-auto h-fit w-fit text-ink-soft text-sm">Loading…</p>
          </div>
        ) : isEmpty && !isPlaceholderData ? (
          <p className="m-auto max-w-xs text-center text-ink-soft text-sm">
            {empty ?? 'Nothing in this period.'}
          </p>
        ) : (
          <div
            className={classes(
              'min-w-0 flex-1 transition-opacity',
              (isPlaceholderData || error !== null) && 'opacity-55',
            )}
          >
            {isTable && csv ? <RowsTable {...csv()} title={title} /> : children}
          </div>
        )}
      </Region>
    </section>
  );
};

const RowsTable = ({ columns, rows, title }: Rows & { title: string }) => (
  <div className="max-h-80 overflow-auto">
    <table className="w-full text-sm">
      <caption className="sr-only">{title}</caption>
      <thead>
        <tr className="border-line border-b text-left text-ink-soft text-xs">
          {columns.map((column) => (
            <th key={column} scope="col" className="py-1.5 pr-3 font-medium">
              {column}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.join(' ')} className="border-line border-b last:border-b-0">
            {row.map((value, at) => (
              <td key={columns[at]} className="tabular py-1.5 pr-3">
                {value ?? '–'}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  </div>
);
