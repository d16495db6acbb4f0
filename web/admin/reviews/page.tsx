import { useMutation } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { api } from '../../api/client.ts';
import type { components } from '../../api/schema.d.ts';
import { Button } from '../../kit/button.tsx';
import { classes } from '../../kit/classes.ts';
import { Empty } from '../../kit/empty.tsx';
import { ProblemPanel } from '../../kit/problem-panel.tsx';
import { showToast } from '../../kit/toast.tsx';
import { When } from '../../kit/when.tsx';
import { PageTitle } from '../../staff/page-title.tsx';
import { useProductNames } from '../../staff/product-names.ts';
import { Paged } from '../paged.tsx';
import { usePages } from '../pages.ts';
import { type Status, wishOf } from './keys.ts';

type Review = components['schemas']['Review'];

const statuses: readonly Status[] = ['pending', 'approved', 'rejected'];

/** The queue of reviews: J and K move, A approves, R rejects; an act can be taken back. */
export const ReviewsPage = () => {
  const { status = 'pending' } = useSearch({ from: '/reviews' }) as { status?: Status };
  const navigate = useNavigate();
  const list = usePages<Review>(
    ['reviews', status],
    async (cursor) =>
      (await api.GET('/api/reviews', { params: { query: { status, limit: 50, ...(cursor && { cursor }) } } }))
        .data,
  );
  const names = useProductNames([...new Set(list.rows.map(({ productId }) => productId))].slice(0, 100));
  const [at, setAt] = useState(0);
  const moderating = useMutation({
    mutationFn: ({ id, to }: { id: string; to: Status }) =>
      api.PATCH('/api/reviews/{id}', { params: { path: { id } }, body: { status: to } }),
    onSuccess: (_answer, { id, to }) => {
      showToast(`${to === 'approved' ? 'Approved' : to === 'rejected' ? 'Rejected' : 'Back in the queue'}.`, {
        label: 'Undo',
        run: () => moderating.mutate({ id, to: status }),
      });
      list.refresh();
    },
  });
  const { mutate } = moderating;
  const chosen = list.rows[Math.min(at, list.rows.length - 1)];
  const chosenId = chosen?.id;
  const count = list.rows.length;
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (
        event.metaKey ||
        event.ctrlKey ||
        (event.target as HTMLElement).closest?.('input, textarea, select')
      )
        return;
      const wish = wishOf(event);
      if (wish === 'next') setAt((before) => Math.min(count - 1, before + 1));
      else if (wish === 'previous') setAt((before) => Math.max(0, before - 1));
      else if (wish !== undefined && chosenId !== undefined) mutate({ id: chosenId, to: wish });
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [chosenId, count, mutate]);
  return (
    <>
      <PageTitle title="Reviews" app="Admin">
        J and K move, A approves, R rejects.
      </PageTitle>
      <div className="mb-4 flex gap-2">
        {statuses.map((each) => (
          <Button
            key={each}
            look={each === status ? 'primary' : 'secondary'}
            size="small"
            aria-pressed={each === status}
            onClick={() => void navigate({ to: '/reviews', search: { status: each } })}
          >
            {each}
          </Button>
        ))}
      </div>
      {moderating.error && <ProblemPanel error={moderating.error} isSmall />}
      <Paged list={list}>
        {!list.isLoading && list.rows.length === 0 && (
          <Empty title={status === 'pending' ? 'The queue is empty' : 'None'} />
        )}
        <ol className="flex flex-col gap-3">
          {list.rows.map((review) => (
            <li
              key={review.id}
              aria-current={review.id === chosenId || undefined}
              className={classes(
                'rounded-xl border bg-surface p-4',
                review.id === chosenId ? 'border-action ring-1 ring-action' : 'border-line',
              )}
            >
              <p className="flex flex-wrap items-baseline gap-x-3">
                <span className="font-semibold">{review.rating} of 5</span>
                <span className="font-semibold">{review.title}</span>
                {review.verifiedPurchase && <span className="text-good text-xs">bought it</span>}
                <span className="ml-auto text-ink-soft text-xs">
                  written <When time={review.createdAt} />
                </span>
              </p>
              <p className="text-ink-soft text-sm">
                of{' '}
                <a href={`/products/${review.productId}`} className="text-action hover:underline">
                  {names?.get(review.productId) ?? `…${review.productId.slice(-8)}`}
                </a>
                {review.userId && (
                  <>
                    , by{' '}
                    <Link
                      to="/orders"
                      search={{ userId: review.userId }}
                      title="The orders of this author"
                      className="text-action hover:underline"
                    >
                      …{review.userId.slice(-8)}
                    </Link>
                  </>
                )}
              </p>
              <p className="mt-1 max-w-prose whitespace-pre-line">{review.text}</p>
              <div className="mt-3 flex gap-2">
                {review.status !== 'approved' && (
                  <Button
                    size="small"
                    look="secondary"
                    onClick={() => mutate({ id: review.id, to: 'approved' })}
                  >
                    Approve
                  </Button>
                )}
                {review.status !== 'rejected' && (
                  <Button
                    size="small"
                    look="danger"
                    onClick={() => mutate({ id: review.id, to: 'rejected' })}
                  >
                    Reject
                  </Button>
                )}
              </div>
            </li>
          ))}
        </ol>
      </Paged>
    </>
  );
};
