import { useMutation } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useRef, useState } from 'react';
import { api } from '../../api/client.ts';
import { useUser } from '../../api/login.ts';
import { Button } from '../../kit/button.tsx';
import { classes } from '../../kit/classes.ts';
import { CheckIcon } from '../../kit/icons.tsx';
import { useScrolledOff } from '../../kit/in-view.ts';
import { ProblemPanel } from '../../kit/problem-panel.tsx';
import { Price } from '../../money/price.tsx';
import { piecesOfProductMax, quantityOf } from '../cart/cart.ts';
import { openCartDrawer } from '../cart/drawer-state.ts';
import { QuantityField } from '../cart/quantity-field.tsx';
import { useCart, useSetQuantity, useWithCart } from '../cart/use-cart.ts';
import { type Product, stockWords } from '../catalogue/products.ts';

/** Price, stock in words, quantity, and one button. */
export const BuyBox = ({ product }: { product: Product }) => {
  const { text, tone } = stockWords(product.available);
  return (
    <section aria-label="Buy" className="flex flex-col gap-4">
      <p className="flex flex-wrap items-baseline gap-x-4 gap-y-1">
        <Price money={product.price} className="font-semibold text-3xl" />
        <span
          className={classes(
            'inline-flex items-center gap-1.5 font-medium',
            tone === 'good' ? 'text-good' : tone === 'warn' ? 'text-warn' : 'text-ink-soft',
          )}
        >
          {tone === 'good' && <CheckIcon size={18} />}
          {text}
        </span>
      </p>
      {tone === 'out' ? <BackInStock productId={product.id} /> : <AddToCart product={product} />}
      {product.ageRestricted && <p className="text-sm text-warn">Sold to adults only.</p>}
    </section>
  );
};

const AddToCart = ({ product }: { product: Product }) => {
  const [quantity, setQuantity] = useState(1);
  const { cart } = useCart();
  const set = useSetQuantity();
  const inCart = quantityOf(cart, product.id);
  const most = Math.min(piecesOfProductMax, product.available);
  const { id, name, price, available } = product;
  const { start: add, isAsking } = useWithCart((now) => {
    const before = quantityOf(now, id);
    if (before < most)
      set({ productId: id, name, unitPrice: price, available }, Math.min(most, before + quantity));
    openCartDrawer();
  });
  const buttons = useRef<HTMLDivElement>(null);
  const isOff = useScrolledOff(buttons);
  return (
    <>
      <div ref={buttons} className="flex flex-wrap items-stretch gap-3">
        <QuantityField
          label="Quantity"
          value={quantity}
          max={Math.max(1, most - inCart)}
          onChange={setQuantity}
          isLarge
        />
        <Button
          size="large"
          className="min-w-52 flex-1"
          isBusy={isAsking}
          disabled={inCart >= most}
          onClick={add}
        >
          {inCart >= most ? 'All of them are in your cart' : 'Add to cart'}
        </Button>
      </div>
      {isOff && inCart < most && (
        <div className="rise-in fixed inset-x-0 bottom-0 z-30 flex items-center gap-4 border-line border-t bg-raised px-4 py-3 shadow-float sm:hidden">
          <Price money={price} className="font-semibold text-xl" />
          <Button className="flex-1" isBusy={isAsking} onClick={add}>
            Add to cart
          </Button>
        </div>
      )}
      <p className="min-h-6 text-ink-soft text-sm">
        {inCart > 0 && (
          <>
            {inCart} in your cart.{' '}
            <Link to="/cart" className="text-action underline underline-offset-4">
              Open the cart
            </Link>
          </>
        )}
      </p>
    </>
  );
};

/** A sold-out product is no dead end: who is logged in gets a message when it is back. */
const BackInStock = ({ productId }: { productId: string }) => {
  const user = useUser();
  const asking = useMutation({
    mutationFn: () =>
      api.POST('/api/products/{productId}/back-in-stock', { params: { path: { productId } } }),
  });
  if (user === undefined)
    return (
      <p className="text-ink-soft">
        <Link
          to="/login"
          search={{ next: `/products/${productId}` }}
          className="text-action underline underline-offset-4"
        >
          Log in
        </Link>{' '}
        and we will e-mail you when it is back.
      </p>
    );
  return (
    <div role="status" className="flex flex-col gap-3">
      {asking.isSuccess ? (
        <p className="flex items-center gap-2 text-good">
          <CheckIcon /> We will e-mail {user.email} when it is back.
        </p>
      ) : (
        <Button look="secondary" size="large" isBusy={asking.isPending} onClick={() => asking.mutate()}>
          E-mail me when it is back
        </Button>
      )}
      {asking.isError && <ProblemPanel error={asking.error} isSmall />}
    </div>
  );
};
