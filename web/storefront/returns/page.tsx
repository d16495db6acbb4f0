import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useRef, useState } from 'react';
import { api } from '../../api/client.ts';
import { type Sent, sentAs } from '../../api/sent.ts';
import { Button, buttonClasses } from '../../kit/button.tsx';
import { Empty } from '../../kit/empty.tsx';
import { SelectField } from '../../kit/field.tsx';
import { CheckIcon } from '../../kit/icons.tsx';
import { ProblemPanel } from '../../kit/problem-panel.tsx';
import { Skeleton } from '../../kit/skeleton.tsx';
import { formatMoney } from '../../money/money.ts';
import { Price } from '../../money/price.tsx';
import { plural } from '../../words/words.ts';
import { QuantityField } from '../cart/quantity-field.tsx';
import { OrderedCover, useKnownProducts } from '../catalogue/ordered-cover.tsx';
import { canSendBack, leftOf, type Order, refundOf, shortNumber } from '../order/order-words.ts';
import { orderKey, orderParams, useOrder } from '../order/use-order.ts';
import { Page } from '../shell/page.tsx';

const reasons = [
  'It does not fit',
  'It arrived damaged',
  'It is not what I expected',
  'I have changed my mind',
] as const;

export const ReturnPage = () => {
  const { orderId = '' } = useParams({ strict: false });
  const { data: order, error, refetch } = useOrder(orderId);
  // As it was at first: the return that the form sends may end the order, and its answer is to stay.
  const [opened, setOpened] = useState<Order>();
  if (order && !opened) setOpened(order);
  return (
    <Page title="Send something back" isNarrow>
      {opened && !canSendBack(opened.status) ? (
        <NothingToSendBack order={opened} />
      ) : opened ? (
        <ReturnForm order={opened} />
      ) : error ? (
        <ProblemPanel error={error} onRetry={() => void refetch()} />
      ) : (
        <Skeleton className="h-80" />
      )}
    </Page>
  );
};

const NothingToSendBack = ({ order: { id, status } }: { order: Order }) => {
  const isOver = status === 'cancelled' || status === 'returned';
  return (
    <Empty
      title={isOver ? 'There is nothing to send back' : 'The parcel has not left yet'}
      act={
        <Link to="/orders/$orderId" params={{ orderId: id }} className={buttonClasses()}>
          To the order
        </Link>
      }
    >
      {status === 'returned'
        ? 'Everything is back with us.'
        : isOver
          ? 'The order was cancelled, so nothing was sent.'
          : 'Until it leaves you can cancel the order on its page; then nothing has to be sent back.'}
    </Empty>
  );
};

const ReturnForm = ({ order }: { order: Order }) => {
  const [chosen, setChosen] = useState<Readonly<Record<string, number>>>({});
  const [reason, setReason] = useState('');
  const client = useQueryClient();
  const left = leftOf(order.items);
  const known = useKnownProducts(left.map(({ productId }) => productId));
  const unanswered = useRef<Sent>(undefined);
  const items = Object.entries(chosen).flatMap(([productId, quantity]) =>
    quantity > 0 ? [{ productId, quantity }] : [],
  );
  const refund = refundOf(order, chosen);
  const sending = useMutation({
    mutationFn: async () => {
      const body = { items, reason };
      const sent = sentAs(JSON.stringify(body), unanswered.current);
      unanswered.current = sent;
      const { path, header } = orderParams(order.id);
      const { data } = await api.POST('/api/orders/{id}/returns', {
        params: { path, header: { ...header, 'idempotency-key': sent.key } },
        body,
      });
      return data;
    },
    onSuccess: () => client.invalidateQueries({ queryKey: orderKey(order.id) }),
  });
  if (sending.data) return <Done orderId={order.id} refund={formatMoney(sending.data.refund)} />;
  const pieces = items.reduce((sum, { quantity }) => sum + quantity, 0);
  return (
    <form
      className="flex flex-col gap-6"
      onSubmit={(event) => {
        event.preventDefault();
        if (pieces > 0 && !sending.isPending) sending.mutate();
      }}
    >
      <p className="text-ink-soft">
        Order {shortNumber(order.id)}. Choose what goes back; the money follows it.
      </p>
      <ul className="divide-y divide-line rounded-2xl border border-line bg-surface px-6">
        {left.map(({ productId, name, quantity, unitPrice }) => (
          <li key={productId} className="flex flex-wrap items-center gap-4 py-4">
            <label className="flex min-h-11 min-w-0 flex-1 cursor-pointer items-center gap-4">
              <input
                type="checkbox"
                checked={(chosen[productId] ?? 0) > 0}
                onChange={({ target }) =>
                  setChosen({ ...chosen, [productId]: target.checked ? quantity : 0 })
                }
                className="size-5 shrink-0 accent-action"
              />
              <OrderedCover known={known} line={{ productId, name }} className="w-12 shrink-0 rounded-md" />
              <span className="name leading-snug">
                {name}
                <span className="block text-ink-soft text-sm">
                  {plural(quantity, { one: '{count} piece', other: '{count} pieces' })},{' '}
                  <Price money={unitPrice} /> each
                </span>
              </span>
            </label>
            {quantity > 1 && (chosen[productId] ?? 0) > 0 && (
              <QuantityField
                label={`Pieces of ${name}`}
                value={chosen[productId] ?? 1}
                max={quantity}
                onChange={(pieces) => setChosen({ ...chosen, [productId]: pieces })}
              />
            )}
          </li>
        ))}
      </ul>
      <SelectField label="Why" required value={reason} onChange={({ target }) => setReason(target.value)}>
        <option value="" disabled>
          Choose…
        </option>
        {reasons.map((each) => (
          <option key={each}>{each}</option>
        ))}
      </SelectField>
      <div className="rounded-2xl bg-sunken px-6 py-4" role="status">
        <p className="flex items-baseline justify-between">
          <span>You get back</span>
          {refund ? <Price money={refund} className="font-semibold text-xl" /> : <span>–</span>}
        </p>
        {refund?.isLessThanPaid && (
          <p className="text-ink-soft text-sm">The rest of their price was refunded to you before.</p>
        )}
      </div>
      {sending.isError && <ProblemPanel error={sending.error} isSmall />}
      <Button
        type="submit"
        size="large"
        disabled={pieces === 0}
        isBusy={sending.isPending}
        className="self-start"
      >
        {pieces === 0
          ? 'Choose what goes back'
          : `Send ${plural(pieces, { one: '{count} piece', other: '{count} pieces' })} back`}
      </Button>
    </form>
  );
};

const Done = ({ orderId, refund }: { orderId: string; refund: string }) => (
  <div role="status" className="rounded-2xl bg-good-wash p-6">
    <p className="flex items-center gap-2 font-semibold text-good">
      <CheckIcon /> Noted. {refund} goes back to you.
    </p>
    <p className="mt-1">The refund runs by itself; you find its progress on the order’s page.</p>
    <Link to="/orders/$orderId" params={{ orderId }} className={buttonClasses('secondary', 'medium', 'mt-4')}>
      Back to the order
    </Link>
  </div>
);
