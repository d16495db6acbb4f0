import { Link, useRouterState } from '@tanstack/react-router';
import { useEffect, useSyncExternalStore } from 'react';
import { Button, buttonClasses } from '../../kit/button.tsx';
import { Dialog } from '../../kit/dialog.tsx';
import { Price } from '../../money/price.tsx';
import { plural } from '../../words/words.ts';
import { closeCartDrawer, isCartDrawerOpen, onCartDrawer } from './drawer-state.ts';
import { CartLines } from './lines.tsx';
import { useCart } from './use-cart.ts';

/** Opens when something was added: what is in the cart now, and the two ways on. */
export const CartDrawer = () => {
  const isOpen = useSyncExternalStore(onCartDrawer, isCartDrawerOpen);
  const place = useRouterState({ select: ({ location }) => location.pathname });
  const { cart } = useCart();
  // biome-ignore lint/correctness/useExhaustiveDependencies: another page closes it.
  useEffect(closeCartDrawer, [place]);
  if (cart === undefined) return null;
  return (
    <Dialog
      isOpen={isOpen}
      onClose={closeCartDrawer}
      title={plural(cart.pieces, { one: '{count} item in your cart', other: '{count} items in your cart' })}
      place="side"
      foot={
        <div className="flex flex-col gap-3">
          {cart.total && (
            <p className="flex justify-between text-lg">
              <span>Sum of the items</span>
              <Price money={cart.total} className="font-semibold" />
            </p>
          )}
          <Link to="/checkout" className={buttonClasses('primary', 'large', 'w-full')}>
            Go to the checkout
          </Link>
          <div className="grid grid-cols-2 gap-3">
            <Button look="secondary" onClick={closeCartDrawer}>
              Keep looking
            </Button>
            <Link to="/cart" className={buttonClasses('secondary')}>
              Open the cart
            </Link>
          </div>
        </div>
      }
    >
      {cart.items.length === 0 ? (
        <p className="text-ink-soft">Your cart is empty.</p>
      ) : (
        <CartLines cart={cart} onOpen={closeCartDrawer} />
      )}
    </Dialog>
  );
};
