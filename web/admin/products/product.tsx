import { useMutation, useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { api, type PutBody } from '../../api/client.ts';
import { useUser } from '../../api/login.ts';
import { ApiProblem, fieldErrorsOf } from '../../api/problem.ts';
import type { components } from '../../api/schema.d.ts';
import { Button } from '../../kit/button.tsx';
import { DataTable } from '../../kit/data-table.tsx';
import { TextArea, TextField } from '../../kit/field.tsx';
import { ProblemPanel } from '../../kit/problem-panel.tsx';
import { Skeleton } from '../../kit/skeleton.tsx';
import { showToast } from '../../kit/toast.tsx';
import { When } from '../../kit/when.tsx';
import { decimalText, minorOf } from '../../money/money.ts';
import { PageTitle } from '../../staff/page-title.tsx';
import { categoryPathWords } from '../../words/words.ts';
import { Paged } from '../paged.tsx';
import { usePages } from '../pages.ts';
import { StockCard } from '../stock/stock-card.tsx';

type Product = components['schemas']['Product'];
type Written = PutBody<'/api/products/{productId}'>;
type Read = { product: Product; etag: string };

/** One product: what is sold, how many are there and why, and who has changed what. */
export const ProductPage = () => {
  const { id } = useParams({ from: '/products/$id' });
  const read = useQuery({
    queryKey: ['product', id],
    queryFn: async (): Promise<Read> => {
      const { data, response } = await api.GET('/api/products/{productId}', {
        params: { path: { productId: id } },
      });
      return { product: data as Product, etag: response.headers.get('etag') ?? '' };
    },
  });
  if (read.data === undefined)
    return read.error ? (
      <ProblemPanel error={read.error} onRetry={() => void read.refetch()} />
    ) : (
      <Skeleton className="h-96 w-full" />
    );
  return (
    <>
      <PageTitle title={read.data.product.name} app="Admin">
        {categoryPathWords(read.data.product.category)} ·{' '}
        <a href={`/products/${id}`} className="text-action underline">
          see it in the shop
        </a>
      </PageTitle>
      <div className="grid grid-cols-[minmax(0,1fr)] gap-6 xl:grid-cols-2">
        <Form key={read.data.etag} read={read.data} onSaved={() => void read.refetch()} />
        <StockCard productId={id} />
      </div>
      <History productId={id} />
    </>
  );
};

/** A save sends back what was read and the change: nothing that this form does not show is lost. */
const Form = ({ read: { product, etag }, onSaved }: { read: Read; onSaved(): void }) => {
  const user = useUser();
  const isAdmin = user?.roles.includes('admin') ?? false;
  const [text, setText] = useState({
    name: product.name,
    description: product.description,
    category: product.category,
    brand: product.brand ?? '',
    price: decimalText(product.price),
  });
  const [flags, setFlags] = useState({ active: product.active, featured: product.featured });
  const amountMinor = minorOf(text.price, product.price.currency);
  const saving = useMutation({
    mutationFn: () =>
      api.PUT('/api/products/{productId}', {
        params: { path: { productId: product.id }, header: { 'if-match': etag } },
        body: {
          ...product,
          ...flags,
          name: text.name,
          description: text.description,
          category: text.category,
          brand: text.brand.trim() || null,
          price: {
            amountMinor: amountMinor ?? product.price.amountMinor,
            currency: product.price.currency as Written['price']['currency'],
          },
        } satisfies Written as never,
      }),
    onSuccess: () => {
      showToast('Saved.');
      onSaved();
    },
  });
  const errors = fieldErrorsOf(saving.error);
  const isStale = saving.error instanceof ApiProblem && saving.error.status === 412;
  const field = (name: keyof typeof text) => ({
    value: text[name],
    error: errors[`/${name}`],
    disabled: !isAdmin,
    onChange: (event: { target: { value: string } }) =>
      setText((before) => ({ ...before, [name]: event.target.value })),
  });
  const save = (event: FormEvent): void => {
    event.preventDefault();
    saving.mutate();
  };
  return (
    <form onSubmit={save} className="flex flex-col gap-4 rounded-xl border border-line bg-surface p-5">
      <h2 className="font-semibold text-lg">What is sold</h2>
      <TextField label="Name" required maxLength={200} {...field('name')} />
      <TextArea label="Description" maxLength={10_000} {...field('description')} />
      <div className="grid gap-4 sm:grid-cols-[2fr_1fr_1fr]">
        <TextField label="Category" required {...field('category')} />
        <TextField label="Brand" {...field('brand')} />
        <TextField
          label={`Price in ${product.price.currency}`}
          required
          inputMode="decimal"
          {...field('price')}
          error={amountMinor === undefined ? 'is no amount of this currency' : errors['/price/amountMinor']}
        />
      </div>
      <div className="flex gap-6">
        {(['active', 'featured'] as const).map((name) => (
          <label key={name} className="inline-flex min-h-11 items-center gap-2">
            <input
              type="checkbox"
              className="size-4"
              disabled={!isAdmin}
              checked={flags[name]}
              onChange={(event) => setFlags((before) => ({ ...before, [name]: event.target.checked }))}
            />
            {name === 'active' ? 'For sale' : 'Featured'}
          </label>
        ))}
      </div>
      {saving.error &&
        (isStale ? (
          <div role="alert" className="rounded-lg bg-warn-wash p-4 text-sm">
            <p className="font-semibold">Somebody has changed this product since you opened it.</p>
            <p className="mt-1">What you typed is still here; the product as it is now replaces it.</p>
            <Button look="secondary" size="small" className="mt-3" onClick={onSaved}>
              Show it as it is now
            </Button>
          </div>
        ) : (
          <ProblemPanel error={saving.error} isSmall />
        ))}
      <Button
        type="submit"
        isBusy={saving.isPending}
        disabled={!isAdmin || amountMinor === undefined}
        className="self-start"
      >
        Save
      </Button>
      {!isAdmin && <p className="text-ink-soft text-sm">Only admins change products.</p>}
    </form>
  );
};

const isNothing = (value: unknown): boolean => value === null || value === '';
const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

const History = ({ productId }: { productId: string }) => {
  const list = usePages<components['schemas']['ProductChange']>(
    ['product history', productId],
    async (cursor) =>
      (
        await api.GET('/api/products/{productId}/history', {
          params: { path: { productId }, query: { limit: 20, ...(cursor && { cursor }) } },
        })
      ).data,
  );
  return (
    <section className="mt-8">
      <h2 className="mb-3 font-semibold text-lg">Changes</h2>
      <Paged list={list}>
        <DataTable
          caption="Changes of this product"
          rows={list.rows}
          rowKey={({ version }) => String(version)}
          isLoading={list.isLoading}
          columns={[
            { key: 'when', head: 'When', cell: ({ occurredAt }) => <When time={occurredAt} /> },
            { key: 'kind', head: 'What', cell: ({ kind }) => kind },
            {
              key: 'changes',
              head: 'Fields',
              cell: ({ changes }) => (
                <ul>
                  {changes
                    .filter(({ from, to }) => !(isNothing(from) && isNothing(to)))
                    .slice(0, 6)
                    .map(({ field, from, to }) => (
                      <li key={field} className="line-clamp-1">
                        {field}: {!isNothing(from) && <del className="text-ink-soft">{shown(from)}</del>}
                        {!isNothing(from) && ' → '}
                        {isNothing(to) ? <span className="text-ink-soft">nothing</span> : shown(to)}
                      </li>
                    ))}
                </ul>
              ),
            },
          ]}
        />
      </Paged>
    </section>
  );
};
