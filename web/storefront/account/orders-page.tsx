import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { api } from '../../api/client.ts';
import { Button, buttonClasses } from '../../kit/button.tsx';
import { classes } from '../../kit/classes.ts';
import { Empty } from '../../kit/empty.tsx';
import { ProblemPanel } from '../../kit/problem-panel.tsx';
import { Loading, Skeleton } from '../../kit/skeleton.tsx';
import { When } from '../../kit/when.tsx';
import { Price } from '../../money/price.tsx';
import { OrderedCover, useKnownProducts } from '../catalogue/ordered-cover.tsx';
import { endingOf, type Order, shortNumber, way } from '../order/order-words.ts';

const coversMax = 5;

export const OrdersPage = () => {
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery({
    queryKey: ['get', '/api/orders'],
    initialPageParam: undefined as string | undefined,
    staleTime: 2_000,
    queryFn: async ({ pageParam, signal }) => {
      const answer = await api.GET('/api/orders', {
        params: { query: { limit: 10, ...(pageParam ? { cursor: pageParam } : {}) } },
        signal,
      });
      return answer.data as { items: Order[]; next: string | null };
    },
    getNextPageParam: ({ next }) => next ?? undefined,
  });
  if (data === undefined)
    return error ? (
      <ProblemPanel error={error} onRetry={() => void refetch()} />
    ) : (
      <Loading what="your orders">
        <div className="flex flex-col gap-4">
          <Skeleton className="h-32" />
          <Skeleton className="h-32" />
        </div>
      </Loading>
    );
  const orders = data.pages.flatMap(({ items }) => items);
  if (orders.length === 0)
    return (
      <Empty
        title="No orders yet"
        act={
          <Link to="/" className={buttonClasses()}>
            To the shop
          </Link>
        }
      >
        What you order is listed here, with everything that happened to it.
      </Empty>
    );
  return (
    <>
      <ul className="flex flex-col gap-4">
        {orders.map((order) => (
          <li key={order.id}>
            <OrderCard order={order} />
          </li>
        ))}
      </ul>
      {hasNextPage && (
        <Button
          look="secondary"
          className="mt-6"
          isBusy={isFetchingNextPage}
          onClick={() => void fetchNextPage()}
        >
          Show older orders
        </Button>
      )}
    </>
  );
};

const OrderCard = ({ order }: { order: Order }) => {
  const shown = order.items.slice(0, coversMax);
  const known = useKnownProducts(shown.map(({ productId }) => productId));
  const isCancelled = order.status === 'cancelled';
  const name = isCancelled
    ? endingOf(order.reason, order.payment.status).title
    : order.status === 'returned'
      ? 'Returned'
      : way.find(({ status }) => status === order.status)?.name;
  return (
    <article className="group relative flex flex-col gap-3 rounded-2xl border border-line bg-surface p-5 hover:border-line-strong">
      <div className="grid grid-cols-[1fr_auto] items-baseline gap-x-6 gap-y-1 sm:grid-cols-[1fr_1fr_8rem_6rem]">
        <h2 className="font-semibold">
          <Link to="/orders/$orderId" params={{ orderId: order.id }} className="after:absolute after:inset-0">
            Order {shortNumber(order.id)}
          </Link>
        </h2>
        <span className={classes('text-right text-sm sm:text-left', isCancelled ? 'text-bad' : 'text-good')}>
          {name}
        </span>
        <span className="text-ink-soft text-sm sm:text-right">
          <When time={order.createdAt} />
        </span>
        <Price money={order.total} className="text-right font-semibold" />
      </div>
      <div className="flex gap-2">
        {shown.map((line) => (
          <OrderedCover key={line.productId} {...{ known, line }} className="w-14 rounded-md" />
        ))}
        {order.items.length > coversMax && (
          <span className="self-center pl-1 text-ink-soft text-sm">
            and {order.items.length - coversMax} more
          </span>
        )}
      </div>
    </article>
  );
};
