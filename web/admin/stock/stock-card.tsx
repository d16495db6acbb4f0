import { useMutation } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { api, query } from '../../api/client.ts';
import { useUser } from '../../api/login.ts';
import { type Sent, sentAs } from '../../api/sent.ts';
import { Button } from '../../kit/button.tsx';
import { TextField } from '../../kit/field.tsx';
import { ProblemPanel } from '../../kit/problem-panel.tsx';
import { Skeleton } from '../../kit/skeleton.tsx';
import { showToast } from '../../kit/toast.tsx';
import { When } from '../../kit/when.tsx';
import { plural } from '../../words/words.ts';

/** How many are there, and every movement that has made it so. */
export const StockCard = ({ productId }: { productId: string }) => {
  const params = { path: { productId } };
  const stock = query.useQuery('get', '/api/inventory/{productId}', { params });
  const movements = query.useQuery('get', '/api/inventory/{productId}/movements', {
    params: { ...params, query: { limit: 12 } },
  });
  const refresh = (): void => {
    void stock.refetch();
    void movements.refetch();
  };
  const { data } = stock;
  return (
    <section aria-label="Stock" className="rounded-xl border border-line bg-surface p-5">
      <h2 className="font-semibold text-lg">Stock</h2>
      {/* The form below stays: it knows what was sent without an answer. */}
      {stock.error !== null && <ProblemPanel error={stock.error} onRetry={refresh} isSmall />}
      {data === undefined ? (
        stock.error === null && <Skeleton className="mt-3 h-16 w-full" />
      ) : (
        <dl className="mt-3 grid grid-cols-2 gap-3 sm:grid-cols-4">
          {(
            [
              ['Available', data.available],
              ['On hand', data.onHand],
              ['Reserved', data.reserved],
              ['Low at', data.lowStockThreshold],
            ] as const
          ).map(([name, value]) => (
            <div key={name}>
              <dt className="text-ink-soft text-xs">{name}</dt>
              <dd className="tabular font-semibold text-2xl">{value.toLocaleString('en-GB')}</dd>
            </div>
          ))}
        </dl>
      )}
      <Restock productId={productId} onDone={refresh} />
      <ol className="mt-4 divide-y divide-line border-line border-t text-sm">
        {movements.data?.items.map(({ kind, onHandDelta, reservedDelta, orderId, reason, occurredAt }) => (
          <li key={`${occurredAt}${kind}${orderId}`} className="flex flex-wrap items-baseline gap-x-3 py-2">
            <span className="tabular w-14 text-right font-semibold">
              {signed(onHandDelta !== 0 ? onHandDelta : reservedDelta)}
            </span>
            <span>{kind}</span>
            {orderId && (
              <Link
                to="/orders/$id"
                params={{ id: orderId }}
                className="font-mono text-action text-xs underline"
              >
                {orderId.slice(-8)}
              </Link>
            )}
            {reason && reason !== kind && <span className="text-ink-soft">{reason}</span>}
            <span className="ml-auto text-ink-soft text-xs">
              <When time={occurredAt} />
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
};

const signed = (value: number): string =>
  value > 0 ? `+${value.toLocaleString('en-GB')}` : value.toLocaleString('en-GB').replace('-', '−');

const Restock = ({ productId, onDone }: { productId: string; onDone(): void }) => {
  const user = useUser();
  const [quantity, setQuantity] = useState('');
  const [unanswered, setUnanswered] = useState<Sent>();
  const adding = useMutation({
    mutationFn: ({ pieces, key }: { pieces: number; key: string }) =>
      api.POST('/api/inventory/{productId}/restock', {
        params: { path: { productId }, header: { 'idempotency-key': key } },
        body: { quantity: pieces },
      }),
    onSuccess: (_answer, { pieces }) => {
      showToast(`${plural(pieces, { one: '{count} piece', other: '{count} pieces' })} added.`);
      setQuantity('');
      setUnanswered(undefined);
    },
    // Without an answer the movements say whether they came in.
    onSettled: onDone,
  });
  if (!user?.roles.includes('admin')) return null;
  const add = (event: FormEvent): void => {
    event.preventDefault();
    const pieces = Number(quantity);
    const sent = sentAs(String(pieces), unanswered);
    setUnanswered(sent);
    adding.mutate({ pieces, key: sent.key });
  };
  return (
    <form onSubmit={add} className="mt-4 flex items-end gap-2">
      <TextField
        label="Pieces that came in"
        required
        type="number"
        min={1}
        max={1_000_000}
        value={quantity}
        onChange={(event) => setQuantity(event.target.value)}
      />
      <Button
        type="submit"
        look="secondary"
        disabled={!/^[1-9]\d{0,6}$/.test(quantity)}
        isBusy={adding.isPending}
      >
        Add
      </Button>
      {adding.error && <ProblemPanel error={adding.error} isSmall />}
    </form>
  );
};
