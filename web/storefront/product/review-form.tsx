import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../../api/client.ts';
import { fieldErrorsOf } from '../../api/problem.ts';
import { Button } from '../../kit/button.tsx';
import { classes } from '../../kit/classes.ts';
import { Dialog } from '../../kit/dialog.tsx';
import { TextArea, TextField } from '../../kit/field.tsx';
import { ProblemPanel } from '../../kit/problem-panel.tsx';
import { browserStore } from '../../kit/storage.ts';
import { showToast } from '../../kit/toast.tsx';
import type { Product } from '../catalogue/products.ts';

type Draft = { rating: number; title: string; text: string };
const emptyDraft: Draft = { rating: 0, title: '', text: '' };

/** What was written stays in this browser until it is sent, for who wrote it. */
const storedDraft = (key: string): Draft => {
  try {
    return { ...emptyDraft, ...(JSON.parse(browserStore.getItem(key) ?? '{}') as Draft) };
  } catch {
    return emptyDraft;
  }
};

export const ReviewForm = ({
  product,
  userId,
  isOpen,
  onClose,
  onWritten,
}: {
  product: Product;
  userId: string;
  isOpen: boolean;
  onClose(): void;
  onWritten(): void;
}) => {
  const draftKey = `cartstream.review.${userId}.${product.id}`;
  const [draft, setDraft] = useState(() => storedDraft(draftKey));
  const change = (part: Partial<Draft>) => {
    const next = { ...draft, ...part };
    setDraft(next);
    browserStore.setItem(draftKey, JSON.stringify(next));
  };
  const writing = useMutation({
    mutationFn: () =>
      api.POST('/api/products/{productId}/reviews', {
        params: { path: { productId: product.id } },
        body: draft,
      }),
    onSuccess: () => {
      browserStore.removeItem(draftKey);
      setDraft(emptyDraft);
      showToast('Thank you. Your review appears when it has been checked.');
      onWritten();
      onClose();
    },
  });
  const errors = fieldErrorsOf(writing.error);
  return (
    <Dialog isOpen={isOpen} onClose={onClose} title={`Review: ${product.name}`}>
      <form
        className="flex flex-col gap-5"
        onSubmit={(event) => {
          event.preventDefault();
          if (!writing.isPending) writing.mutate();
        }}
      >
        <fieldset>
          <legend className="mb-1.5 font-medium text-sm">Stars</legend>
          <div className="flex gap-1">
            {[1, 2, 3, 4, 5].map((rating) => (
              <label
                key={rating}
                className={classes(
                  'grid size-11 cursor-pointer place-items-center rounded-lg text-2xl focus-within:outline-2 focus-within:outline-focus',
                  rating <= draft.rating ? 'text-accent' : 'text-line-strong',
                )}
              >
                <input
                  type="radio"
                  name="rating"
                  required
                  value={rating}
                  checked={draft.rating === rating}
                  onChange={() => change({ rating })}
                  className="sr-only"
                />
                <span aria-hidden="true">★</span>
                <span className="sr-only">{rating} stars</span>
              </label>
            ))}
          </div>
        </fieldset>
        <TextField
          label="In a few words"
          required
          maxLength={200}
          value={draft.title}
          error={errors['/title']}
          onChange={({ target }) => change({ title: target.value })}
        />
        <TextArea
          label="Your review"
          required
          maxLength={5000}
          value={draft.text}
          error={errors['/text']}
          onChange={({ target }) => change({ text: target.value })}
        />
        {writing.isError && <ProblemPanel error={writing.error} isSmall />}
        <Button type="submit" size="large" isBusy={writing.isPending}>
          Send the review
        </Button>
      </form>
    </Dialog>
  );
};
