import { Link } from '@tanstack/react-router';
import { buttonClasses } from '../../kit/button.tsx';
import { Empty } from '../../kit/empty.tsx';
import { ProblemPanel } from '../../kit/problem-panel.tsx';
import { Loading, Skeleton } from '../../kit/skeleton.tsx';
import { Price } from '../../money/price.tsx';
import { plural } from '../../words/words.ts';
import { Shelf } from '../recommendations/shelf.tsx';
import { Page } from '../shell/page.tsx';
import { type Cart, isBlocking, leftOutWords } from './cart.ts';
import { CartLines } from './lines.tsx';
import { useCart } from './use-cart.ts';

export const CartPage = () => {
  const { cart, isError, error, refetch } = useCart();
  return (
    <Page title="Your cart">
      {cart !== undefined ? (
        cart.items.length === 0 ? (
          <EmptyCart />
        ) : (
          <FullCart cart={cart} />
        )
      ) : isError ? (
        <ProblemPanel error={error} onRetry={() => void refetch()} />
      ) : (
        <CartSkeleton />
      )}
    </Page>
  );
};

const FullCart = ({ cart }: { cart: Cart }) => (
  <>
    <div className="grid grid-cols-[minmax(0,1fr)] gap-8 lg:grid-cols-[minmax(0,1fr)_22rem] lg:gap-12">
      <div className="self-start rounded-2xl border border-line bg-surface px-5">
        <CartLines cart={cart} />
      </div>
      <Summary cart={cart} />
    </div>
    <div className="mt-14">
      <Shelf
        title="Goes with your cart"
        question={{ scenario: 'cart', productIds: cart.items.map(({ productId }) => productId) }}
      />
    </div>
  </>
);

const Summary = ({ cart }: { cart: Cart }) => {
  const blocking = cart.warnings.filter(isBlocking);
  const leftOut = leftOutWords(cart);
  return (
    <section
      aria-label="Sum"
      className="flex flex-col gap-4 self-start rounded-2xl border border-line bg-surface p-6 lg:sticky lg:top-6"
    >
      <p className="flex items-baseline justify-between">
        <span>{plural(cart.pieces, { one: '{count} item', other: '{count} items' })}</span>
        {cart.total ? <Price money={cart.total} className="font-semibold text-2xl" /> : <span>–</span>}
      </p>
      {leftOut && (
        <p role="status" className="text-sm text-warn">
          {leftOut}
        </p>
      )}
      {blocking.length > 0 ? (
        <>
          <p role="status" className="text-bad text-sm">
            {plural(blocking.length, {
              one: 'One line needs a look before you can order.',
              other: '{count} lines need a look before you can order.',
            })}
          </p>
          <span aria-disabled="true" className={buttonClasses('primary', 'large')}>
            To the checkout
          </span>
        </>
      ) : (
        <Link to="/checkout" className={buttonClasses('primary', 'large')}>
          To the checkout
        </Link>
      )}
      <p className="text-ink-soft text-sm">No account needed. You see what you pay before you pay it.</p>
    </section>
  );
};

const EmptyCart = () => (
  <>
    <Empty
      title="Nothing in it yet"
      act={
        <Link to="/products" search={{ sort: 'popularity' }} className={buttonClasses()}>
          See the favourites
        </Link>
      }
    >
      What you add is kept here, also when you come back tomorrow.
    </Empty>
    <Shelf title="To begin with" question={{ scenario: 'home' }} />
  </>
);

const CartSkeleton = () => (
  <Loading what="your cart">
    <div className="grid grid-cols-[minmax(0,1fr)] gap-8 lg:grid-cols-[minmax(0,1fr)_22rem] lg:gap-12">
      <div className="flex flex-col gap-4">
        <Skeleton className="h-28" />
        <Skeleton className="h-28" />
      </div>
      <Skeleton className="h-44" />
    </div>
  </Loading>
);
