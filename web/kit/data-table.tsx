import type { ReactNode } from 'react';
import { classes } from './classes.ts';
import { Skeleton } from './skeleton.tsx';

export type Column<Row> = {
  /** Unique in the table. */
  key: string;
  head: ReactNode;
  cell(row: Row): ReactNode;
  isNumber?: boolean;
  /** Leaves the column out on narrow screens. */
  isSecondary?: boolean;
  sort?: { direction: 'ascending' | 'descending' | 'none'; onSort(): void };
};

/**
 * A table with a caption for screen readers. Scrolls sideways in its own box, so that the page never does; the box is
 * `relative`, because what only screen readers see would lie outside of it otherwise.
 */
export const DataTable = <Row,>({
  caption,
  columns,
  rows,
  rowKey,
  isLoading = false,
  isDimmed = false,
  empty = 'Nothing here.',
}: {
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey(row: Row): string;
  isLoading?: boolean;
  /** The rows are of the question before; the answer to this one is on its way. */
  isDimmed?: boolean;
  empty?: ReactNode;
}) => (
  <section
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard.
    tabIndex={0}
    aria-label={caption}
    className="relative overflow-x-auto rounded-xl border border-line bg-surface"
  >
    <table
      aria-busy={isLoading || isDimmed || undefined}
      className={classes('w-full border-collapse text-sm transition-opacity', isDimmed && 'opacity-50')}
    >
      <caption className="sr-only">{caption}</caption>
      <thead>
        <tr className="border-line border-b text-left text-ink-soft text-xs">
          {columns.map(({ key, head, isNumber, isSecondary, sort }) => (
            <th
              key={key}
              scope="col"
              aria-sort={sort?.direction}
              className={classes(
                'whitespace-nowrap px-2.5 py-2.5 font-medium sm:px-4',
                isNumber && 'text-right',
                isSecondary && 'hidden md:table-cell',
              )}
            >
              {sort ? <SortButton {...sort}>{head}</SortButton> : head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {isLoading && rows.length === 0 ? (
          <LoadingRows columns={columns.length} />
        ) : rows.length === 0 ? (
          <tr>
            <td colSpan={columns.length} className="px-4 py-10 text-center text-ink-soft">
              {empty}
            </td>
          </tr>
        ) : (
          rows.map((row) => (
            <tr key={rowKey(row)} className="border-line border-b last:border-b-0 hover:bg-sunken">
              {columns.map(({ key, cell, isNumber, isSecondary }) => (
                <td
                  key={key}
                  className={classes(
                    'px-2.5 py-2.5 align-middle sm:px-4',
                    isNumber && 'tabular text-right',
                    isSecondary && 'hidden md:table-cell',
                  )}
                >
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))
        )}
      </tbody>
    </table>
  </section>
);

const SortButton = ({
  direction,
  onSort,
  children,
}: NonNullable<Column<unknown>['sort']> & { children: ReactNode }) => (
  <button type="button" onClick={onSort} className="inline-flex items-center gap-1 hover:text-ink">
    {children}
    <span aria-hidden="true">{direction === 'ascending' ? '↑' : direction === 'descending' ? '↓' : '↕'}</span>
  </button>
);

const LoadingRows = ({ columns }: { columns: number }) =>
  ['a', 'b', 'c', 'd', 'e', 'f'].map((row) => (
    <tr key={row} className="border-line border-b last:border-b-0">
      <td colSpan={columns} className="px-4 py-3">
        <Skeleton className="h-4 w-full" />
      </td>
    </tr>
  ));
