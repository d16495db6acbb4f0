import { Link, useParams } from '@tanstack/react-router';
import { useUser } from '../../api/login.ts';
import { ApiProblem } from '../../api/problem.ts';
import { buttonClasses } from '../../kit/button.tsx';
import { Empty } from '../../kit/empty.tsx';
import { TruckIcon } from '../../kit/icons.tsx';
import { ProblemPanel } from '../../kit/problem-panel.tsx';
import { Loading, Skeleton } from '../../kit/skeleton.tsx';
import { When } from '../../kit/when.tsx';
import { times } from '../../money/money.ts';
import { Price } from '../../money/price.tsx';
import { OrderedCover, useKnownProducts } from '../catalogue/ordered-cover.tsx';
import { countryName } from '../checkout/countries.ts';
import { Shelf } from '../recommendations/shelf.tsx';
import { Page } from '../shell/page.tsx';
import { OrderActs } from './acts.tsx';
import { endingOf, headlineOf, type Order, paymentWords, shortNumber } from './order-words.ts';
import { Progress } from './progress.tsx';
import { useOrder } from './use-order.ts';

export const OrderPage = () => {
  const { orderId = '' } = useParams({ strict: false });
  const { data: order, error, refetch, stream } = useOrder(orderId);
  if (order === undefined)
    return (
      <Page title="Your order" isNarrow>
        {error instanceof ApiProblem && [400, 401, 403, 404].includes(error.status) ? (
          <NoSuchOrder orderId={orderId} />
        ) : error ? (
          <ProblemPanel error={error} onRetry={() => void refetch()} />
        ) : (
          <Loading what="your order">
            <Skeleton className="h-40" />
            <Skeleton className="mt-6 h-64" />
          </Loading>
        )}
      </Page>
    );
  return (
    <Page title={headlineOf(order)} isNarrow>
      <p className="-mt-4 mb-6 text-ink-soft">
        Order <strong className="font-semibold text-ink">{shortNumber(order.id)}</strong> of{' '}
        <When time={order.createdAt} />
      </p>
      <p role="status" className="sr-only">
        {headlineOf(order)}
      </p>
      {order.status === 'cancelled' ? (
        <p className="mb-6 rounded-2xl bg-bad-wash px-6 py-5">
          {endingOf(order.reason, order.payment.status).text}
        </p>
      ) : (
        <Progress order={order} stream={stream} />
      )}
      <Shipment order={order} />
      <OrderActs order={order} />
      <Contents order={order} />
      <GuestHint />
      <div className="mt-14">
        <Shelf
          title="While you wait"
          question={{
            scenario: 'cart',
            productIds: order.items.map(({ productId }) => productId),
          }}
        />
      </div>
    </Page>
  );
};

const NoSuchOrder = ({ orderId }: { orderId: string }) => (
  <Empty
    title="This order is not yours to see"
    act={
      <Link to="/login" search={{ next: `/orders/${orderId}` }} className={buttonClasses()}>
        Log in
      </Link>
    }
  >
    Log in with the account that placed it. If you ordered as a guest, open it in the browser that you ordered
    with.
  </Empty>
);

const Shipment = ({ order: { shipment } }: { order: Order }) => {
  if (shipment === undefined) return null;
  return (
    <p className="mb-6 flex items-center gap-3 rounded-2xl border border-line bg-surface px-6 py-4">
      <TruckIcon className="shrink-0 text-action" />
      <span>
        {shipment.carrier ?? 'The carrier'}
        {shipment.trackingNumber && (
          <>
            , tracking number <code className="tabular font-semibold">{shipment.trackingNumber}</code>
          </>
        )}
      </span>
    </p>
  );
};

const Contents = ({ order }: { order: Order }) => {
  const known = useKnownProducts(order.items.map(({ productId }) => productId));
  const { shippingAddress: to, payment } = order;
  return (
    <section aria-label="What you ordered" className="rounded-2xl border border-line bg-surface p-6">
      <ul className="flex flex-col gap-4">
        {order.items.map(({ productId, name, quantity, returned, unitPrice }) => (
          <li key={productId} className="flex items-center gap-4">
            <OrderedCover known={known} line={{ productId, name }} className="w-14 shrink-0 rounded-md" />
            <Link
              to="/products/$productId"
              params={{ productId }}
              className="min-w-0 flex-1 leading-snug underline-offset-4 hover:underline"
            >
              {name}
              {quantity > 1 && <span className="text-ink-soft"> × {quantity}</span>}
              {returned > 0 && <span className="block text-ink-soft text-sm">{returned} returned</span>}
            </Link>
            <Price money={times(unitPrice, quantity)} />
          </li>
        ))}
      </ul>
      <p className="mt-5 flex items-baseline justify-between border-line border-t pt-5">
        <span>Total</span>
        <Price money={order.total} className="font-semibold text-xl" />
      </p>
      <dl className="mt-5 grid gap-x-8 gap-y-4 border-line border-t pt-5 text-[0.9375rem] sm:grid-cols-2">
        <div>
          <dt className="text-ink-soft">Goes to</dt>
          <dd>
            {[to.name, to.line1, to.line2, `${to.postalCode} ${to.city}`, countryName(to.country)]
              .filter(Boolean)
              .join(', ')}
          </dd>
        </div>
        <div>
          <dt className="text-ink-soft">Payment</dt>
          <dd>
            {payment.method === 'card' ? 'Card' : payment.method === 'paypal' ? 'PayPal' : 'Crypto'},{' '}
            {paymentWords[payment.status]}
          </dd>
        </div>
      </dl>
    </section>
  );
};

const GuestHint = () => {
  const user = useUser();
  if (user !== undefined) return null;
  return (
    <p className="mt-5 text-ink-soft text-sm">
      This page stays open to you in this browser. With an{' '}
      <Link to="/register" className="text-action underline underline-offset-4">
        account
      </Link>{' '}
      you find the next order on every device.
    </p>
  );
};
