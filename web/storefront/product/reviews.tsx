import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { api, query } from '../../api/client.ts';
import { useUser } from '../../api/login.ts';
import type { components } from '../../api/schema.d.ts';
import { Button } from '../../kit/button.tsx';
import { classes } from '../../kit/classes.ts';
import { CheckIcon } from '../../kit/icons.tsx';
import { ProblemPanel } from '../../kit/problem-panel.tsx';
import { Loading, SkeletonText } from '../../kit/skeleton.tsx';
import { When } from '../../kit/when.tsx';
import type { Product } from '../catalogue/products.ts';
import { Stars } from '../catalogue/stars.tsx';
import { ReviewForm } from './review-form.tsx';

type Review = components['schemas']['Review'];

const listPath = '/api/products/{productId}/reviews' as const;
const ratings = [5, 4, 3, 2, 1] as const;

/** What buyers say: the most helpful first, filtered by stars. It fails alone. */
export const Reviews = ({ product }: { product: Product }) => {
  const [rating, setRating] = useState<number>();
  const [isWriting, setWriting] = useState(false);
  const user = useUser();
  const { data, error, refetch } = query.useQuery('get', listPath, {
    params: {
      path: { productId: product.id },
      query: { sort: 'helpful', limit: 20, ...(rating === undefined ? {} : { rating }) },
    },
  });
  const client = useQueryClient();
  const refresh = () => void client.invalidateQueries({ queryKey: ['get', listPath] });
  return (
    <section id="reviews" aria-labelledby="reviews-title" className="scroll-mt-6">
      <div className="mb-5 flex flex-wrap items-end justify-between gap-4">
        <div>
          <h2 id="reviews-title" className="font-display text-2xl sm:text-[1.7rem]">
            What buyers say
          </h2>
          <p className="min-h-6">
            {product.rating.count > 0 && (
              <Stars average={product.rating.average} count={product.rating.count} size={18} />
            )}
          </p>
        </div>
        {user ? (
          <Button look="secondary" onClick={() => setWriting(true)}>
            Write a review
          </Button>
        ) : (
          <Link
            to="/login"
            search={{ next: `/products/${product.id}` }}
            className="flex min-h-11 items-center text-action underline underline-offset-4"
          >
            Log in to write a review
          </Link>
        )}
      </div>
      {(product.rating.count > 0 || rating !== undefined) && (
        <RatingFilter rating={rating} onChange={setRating} />
      )}
      {data === undefined ? (
        error ? (
          <ProblemPanel error={error} onRetry={() => void refetch()} isSmall />
        ) : (
          <Loading what="reviews">
            <SkeletonText lines={4} />
          </Loading>
        )
      ) : data.items.length === 0 ? (
        <p className="rounded-xl bg-sunken px-5 py-6 text-ink-soft">
          {rating === undefined
            ? 'No reviews yet. Once an order of it is confirmed, whoever placed it can write the first one.'
            : `No review with ${rating} stars.`}
        </p>
      ) : (
        <ul className="grid gap-4 md:grid-cols-2">
          {data.items.map((review) => (
            <li key={review.id}>
              <ReviewCard review={review} onVoted={refresh} />
            </li>
          ))}
        </ul>
      )}
      {user && (
        <ReviewForm
          key={user.id}
          product={product}
          userId={user.id}
          isOpen={isWriting}
          onClose={() => setWriting(false)}
          onWritten={refresh}
        />
      )}
    </section>
  );
};

const RatingFilter = ({
  rating,
  onChange,
}: {
  rating: number | undefined;
  onChange(rating: number | undefined): void;
}) => (
  <fieldset className="mb-4 flex flex-wrap gap-2">
    <legend className="sr-only">Show reviews by stars</legend>
    {[undefined, ...ratings].map((each) => (
      <button
        key={each ?? 'all'}
        type="button"
        aria-pressed={each === rating}
        onClick={() => onChange(each)}
        className={classes(
          'min-h-11 rounded-full border px-4 text-sm',
          each === rating ? 'border-action bg-action-wash text-action' : 'border-line hover:bg-sunken',
        )}
      >
        {each === undefined ? 'All' : `${each} ★`}
      </button>
    ))}
  </fieldset>
);

const ReviewCard = ({ review, onVoted }: { review: Review; onVoted(): void }) => {
  const user = useUser();
  const voting = useMutation({
    mutationFn: (helpful: boolean) =>
      api.POST('/api/reviews/{id}/votes', { params: { path: { id: review.id } }, body: { helpful } }),
    onSuccess: onVoted,
  });
  const isOwn = user !== undefined && review.userId === user.id;
  return (
    <article className="flex h-full flex-col gap-2 rounded-xl border border-line bg-surface p-5">
      <Stars average={review.rating} />
      <h3 className="name font-semibold">{review.title}</h3>
      <p className="name whitespace-pre-line text-[0.9375rem]">{review.text}</p>
      <p className="mt-auto flex flex-wrap items-center gap-x-3 gap-y-1 pt-2 text-ink-soft text-sm">
        {review.verifiedPurchase && (
          <span className="inline-flex items-center gap-1 text-good">
            <CheckIcon size={16} /> Bought here
          </span>
        )}
        {review.status === 'pending' && <span className="text-warn">Yours, waiting to be checked</span>}
        <When time={review.createdAt} as="day" />
        {user && !isOwn && (
          <button
            type="button"
            onClick={() => voting.mutate(true)}
            className="min-h-9 rounded-md px-2 underline underline-offset-4 hover:text-ink"
          >
            {voting.isSuccess ? 'Thank you' : `Helpful (${review.votes.helpful})`}
          </button>
        )}
      </p>
      {voting.isError && <ProblemPanel error={voting.error} isSmall />}
    </article>
  );
};
