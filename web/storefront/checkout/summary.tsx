import { times } from '../../money/money.ts';
import { Price } from '../../money/price.tsx';
import type { Cart } from '../cart/cart.ts';
import { OrderedCover, useKnownProducts } from '../catalogue/ordered-cover.tsx';

/** What is ordered and what it costs, in sight at every step. The sum is the server's. */
export const OrderSummary = ({ cart }: { cart: Cart }) => {
  const known = useKnownProducts(cart.items.map(({ productId }) => productId));
  return (
    <section
      aria-label="Your order"
      className="order-first self-start rounded-2xl border border-line bg-surface p-6 lg:sticky lg:top-6 lg:order-none"
    >
      <ul className="flex flex-col gap-4">
        {cart.items.map(({ productId, name, quantity, unitPrice }) => (
          <li key={productId} className="flex items-center gap-3">
            <OrderedCover known={known} line={{ productId, name }} className="w-12 shrink-0 rounded-md" />
            <span className="name min-w-0 flex-1 text-[0.9375rem] leading-snug">
              {name}
              {quantity > 1 && <span className="text-ink-soft"> × {quantity}</span>}
            </span>
            <Price money={times(unitPrice, quantity)} />
          </li>
        ))}
      </ul>
      <p className="mt-5 flex items-baseline justify-between border-line border-t pt-5">
        <span>Total</span>
        {cart.total ? <Price money={cart.total} className="font-semibold text-2xl" /> : <span>–</span>}
      </p>
    </section>
  );
};
