import { useMutation } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { api, query } from '../../api/client.ts';
import { useUser } from '../../api/login.ts';
import { fieldErrorsOf } from '../../api/problem.ts';
import { Button } from '../../kit/button.tsx';
import { TextArea, TextField } from '../../kit/field.tsx';
import { ProblemPanel } from '../../kit/problem-panel.tsx';
import { showToast } from '../../kit/toast.tsx';
import { minorOf } from '../../money/money.ts';
import { PageTitle } from '../../staff/page-title.tsx';

const empty = { name: '', description: '', category: '', brand: '', price: '', initialStock: '0' };

/** A product for sale, with its first stock. Its page has what can be said of it besides. */
export const NewProductPage = () => {
  const user = useUser();
  const navigate = useNavigate();
  const [text, setText] = useState(empty);
  // A shop sells in one currency as a rule: that of its newest product.
  const newest = query.useQuery('get', '/api/products', { params: { query: { limit: 1 } } });
  const [chosen, setCurrency] = useState<string>();
  const currency = (chosen ?? newest.data?.items[0]?.price.currency ?? 'GBP').toUpperCase();
  const amountMinor = minorOf(text.price, currency);
  const making = useMutation({
    mutationFn: async () => {
      const { name, description, category, brand, initialStock } = text;
      const { data } = await api.POST('/api/products', {
        body: {
          name,
          description,
          category,
          brand: brand.trim() || null,
          price: { amountMinor: amountMinor ?? 0, currency: currency as 'GBP' },
          initialStock: Number(initialStock),
        },
      });
      return data;
    },
    onSuccess: (product) => {
      showToast('It is for sale, and found by a search in a moment.');
      if (product) void navigate({ to: '/products/$id', params: { id: product.id } });
    },
  });
  const errors = fieldErrorsOf(making.error);
  const field = (name: keyof typeof text) => ({
    value: text[name],
    error: errors[`/${name}`],
    onChange: (event: { target: { value: string } }) =>
      setText((before) => ({ ...before, [name]: event.target.value })),
  });
  const make = (event: FormEvent): void => {
    event.preventDefault();
    if (!making.isPending) making.mutate();
  };
  if (!user?.roles.includes('admin')) return <p>Only admins add products.</p>;
  return (
    <>
      <PageTitle title="New product" app="Admin">
        It is for sale as soon as it is added.
      </PageTitle>
      <form
        onSubmit={make}
        className="flex max-w-3xl flex-col gap-4 rounded-xl border border-line bg-surface p-5"
      >
        <TextField label="Name" required maxLength={200} {...field('name')} />
        <TextArea label="Description" maxLength={10_000} {...field('description')} />
        <div className="grid gap-4 sm:grid-cols-2">
          <TextField label="Category" required hint="A path, such as home/lighting." {...field('category')} />
          <TextField label="Brand" {...field('brand')} />
        </div>
        <div className="grid gap-4 sm:grid-cols-3">
          <TextField
            label="Price"
            required
            inputMode="decimal"
            {...field('price')}
            error={
              text.price !== '' && amountMinor === undefined
                ? `is no amount of ${currency}`
                : errors['/price/amountMinor']
            }
          />
          <TextField
            label="Currency"
            required
            maxLength={3}
            value={currency}
            error={errors['/price/currency']}
            onChange={(event) => setCurrency(event.target.value)}
          />
          <TextField
            label="Pieces in stock"
            required
            type="number"
            min={0}
            max={1_000_000}
            {...field('initialStock')}
          />
        </div>
        {making.error && <ProblemPanel error={making.error} isSmall />}
        <Button
          type="submit"
          isBusy={making.isPending}
          disabled={amountMinor === undefined}
          className="self-start"
        >
          Add the product
        </Button>
      </form>
    </>
  );
};
