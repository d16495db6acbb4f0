import { Link } from '@tanstack/react-router';
import { query } from '../../api/client.ts';
import { Button } from '../../kit/button.tsx';
import { classes } from '../../kit/classes.ts';
import { DataTable } from '../../kit/data-table.tsx';
import { ProblemPanel } from '../../kit/problem-panel.tsx';
import { Skeleton } from '../../kit/skeleton.tsx';
import { When } from '../../kit/when.tsx';
import { PageTitle } from '../../staff/page-title.tsx';
import { type Standing, standingsOf } from './standings.ts';

const isOrder = (oracle: string, subject: string): boolean =>
  /^[\da-f]{8}-[\da-f-]{27}$/i.test(subject) && !['O1', 'O7'].includes(oracle);

const looks: Readonly<Record<Standing['look'], { box: string; text: string }>> = {
  good: { box: 'border-good', text: 'text-good' },
  bad: { box: 'border-bad', text: 'text-bad' },
  unknown: { box: 'border-line-strong', text: 'text-ink-soft' },
};

/** Whether orders, payments, stock and analytics say the same, and every place where they do not. */
export const ReconciliationPage = () => {
  const books = query.useQuery('get', '/api/ops/reconciliation', { params: { query: { limit: 100 } } });
  const { data, error } = books;
  return (
    <>
      <PageTitle
        title="Reconciliation"
        app="Admin"
        aside={
          <Button look="secondary" isBusy={books.isFetching} onClick={() => void books.refetch()}>
            Check now
          </Button>
        }
      >
        {data ? (
          <>
            Checked <When time={data.checkedAt} as="second" />, compared up to{' '}
            <When time={data.asOf} as="second" />
          </>
        ) : (
          'Every book against every other.'
        )}
      </PageTitle>
      {error && <ProblemPanel error={error} onRetry={() => void books.refetch()} />}
      {!data && !error && <Skeleton className="h-64 w-full" />}
      {data && (
        <>
          <ul className="mb-6 grid grid-cols-[minmax(0,1fr)] gap-3 md:grid-cols-2">
            {standingsOf(data).map(({ oracle, promise, look, text }) => (
              <li key={oracle} className={classes('rounded-xl border-l-4 bg-surface p-4', looks[look].box)}>
                <p className="flex justify-between gap-3 font-semibold">
                  <span>{oracle}</span>
                  <span className={looks[look].text}>{text}</span>
                </p>
                <p className="text-ink-soft text-sm">{promise}</p>
              </li>
            ))}
          </ul>
          <DataTable
            caption="Differences"
            rows={data.items}
            rowKey={({ oracle, subject, what }) => `${oracle} ${subject} ${what}`}
            empty={`No differences. Orders with an event in the last ${data.quietMs / 1000} s are not compared yet.`}
            columns={[
              { key: 'oracle', head: 'Rule', cell: ({ oracle }) => oracle },
              {
                key: 'subject',
                head: 'About',
                cell: ({ oracle, subject }) =>
                  isOrder(oracle, subject) ? (
                    <Link
                      to="/orders/$id"
                      params={{ id: subject }}
                      className="font-mono text-action text-xs underline"
                    >
                      {subject}
                    </Link>
                  ) : (
                    <span className="font-mono text-xs">{subject}</span>
                  ),
              },
              { key: 'what', head: 'Compared', cell: ({ what }) => what },
              { key: 'expected', head: 'Expected', isNumber: true, cell: ({ expected }) => expected },
              {
                key: 'found',
                head: 'Found',
                isNumber: true,
                cell: ({ found }) => <span className="font-semibold text-bad">{found}</span>,
              },
            ]}
          />
          {data.next && (
            <p className="mt-3 text-ink-soft text-sm">
              The first hundred differences are shown. What comes behind them is compared once they are gone.
            </p>
          )}
        </>
      )}
    </>
  );
};
