import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, query } from '../../api/client.ts';
import { fieldErrorsOf } from '../../api/problem.ts';
import { Button } from '../../kit/button.tsx';
import { Dialog } from '../../kit/dialog.tsx';
import { Empty } from '../../kit/empty.tsx';
import { SelectField, TextField } from '../../kit/field.tsx';
import { ProblemPanel } from '../../kit/problem-panel.tsx';
import { Skeleton } from '../../kit/skeleton.tsx';
import { countries, countryName } from '../checkout/countries.ts';
import { addressOf, emptyDraft } from '../checkout/draft.ts';

const path = '/api/users/me/addresses' as const;

export const AddressesPage = () => {
  const [isAdding, setAdding] = useState(false);
  const { data, error, refetch } = query.useQuery('get', path);
  const client = useQueryClient();
  const removing = useMutation({
    mutationFn: (id: string) => api.DELETE('/api/users/me/addresses/{id}', { params: { path: { id } } }),
    onSettled: () => client.invalidateQueries({ queryKey: ['get', path] }),
  });
  return (
    <>
      {data === undefined ? (
        error ? (
          <ProblemPanel error={error} onRetry={() => void refetch()} />
        ) : (
          <Skeleton className="h-32" />
        )
      ) : data.items.length === 0 ? (
        <Empty title="No addresses yet">An address here fills the checkout by one press.</Empty>
      ) : (
        <ul className="grid gap-4 sm:grid-cols-2">
          {data.items.map(({ id, name, line1, line2, city, postalCode, country }) => (
            <li key={id} className="flex flex-col gap-3 rounded-2xl border border-line bg-surface p-5">
              <address className="not-italic">
                <strong className="font-semibold">{name}</strong>
                <br />
                {line1}
                {line2 && `, ${line2}`}
                <br />
                {postalCode} {city}
                <br />
                {countryName(country)}
              </address>
              <Button look="quiet" className="mt-auto self-start" onClick={() => removing.mutate(id)}>
                Remove<span className="sr-only"> {line1}</span>
              </Button>
            </li>
          ))}
        </ul>
      )}
      <Button className="mt-6" look="secondary" onClick={() => setAdding(true)}>
        Add an address
      </Button>
      {isAdding && <NewAddress onClose={() => setAdding(false)} />}
    </>
  );
};

const NewAddress = ({ onClose }: { onClose(): void }) => {
  const [draft, setDraft] = useState(emptyDraft);
  const client = useQueryClient();
  const adding = useMutation({
    mutationFn: () => api.POST(path, { body: addressOf(draft) }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['get', path] });
      onClose();
    },
  });
  const errors = fieldErrorsOf(adding.error);
  const field = (name: 'name' | 'line1' | 'line2' | 'city' | 'postalCode', charsMax: number) => ({
    value: draft[name],
    maxLength: charsMax,
    error: errors[`/${name}`],
    onChange: ({ target }: { target: { value: string } }) => setDraft({ ...draft, [name]: target.value }),
  });
  return (
    <Dialog isOpen onClose={onClose} title="A new address">
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (!adding.isPending) adding.mutate();
        }}
      >
        <TextField label="Name" required autoComplete="name" {...field('name', 200)} />
        <TextField label="Street and number" required autoComplete="address-line1" {...field('line1', 200)} />
        <TextField label="Flat, floor, company" autoComplete="address-line2" {...field('line2', 200)} />
        <TextField label="Postal code" required autoComplete="postal-code" {...field('postalCode', 20)} />
        <TextField label="Town or city" required autoComplete="address-level2" {...field('city', 100)} />
        <SelectField
          label="Country"
          required
          value={draft.country}
          onChange={({ target }) => setDraft({ ...draft, country: target.value })}
        >
          {countries().map(({ code, name }) => (
            <option key={code} value={code}>
              {name}
            </option>
          ))}
        </SelectField>
        {adding.isError && <ProblemPanel error={adding.error} isSmall />}
        <Button type="submit" size="large" isBusy={adding.isPending}>
          Keep this address
        </Button>
      </form>
    </Dialog>
  );
};
