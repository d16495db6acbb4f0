import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { api } from '../../api/client.ts';
import { useUser } from '../../api/login.ts';
import { Button, buttonClasses } from '../../kit/button.tsx';
import { ProblemPanel } from '../../kit/problem-panel.tsx';
import { tabStore } from '../../kit/storage.ts';
import { type Cart, quantityOf } from '../cart/cart.ts';
import { useSetQuantity, useWithCart } from '../cart/use-cart.ts';
import { useProducts } from '../catalogue/products.ts';
import { draftKey, draftOfAnotherTry } from '../checkout/draft.ts';
import { canSendBack, endedByPayment, isOpen, type Order } from './order-words.ts';
import { orderKey, orderParams } from './use-order.ts';

/** What can be done with the order as it is now. */
export const OrderActs = ({ order }: { order: Order }) => {
  const client = useQueryClient();
  const cancelling = useMutation({
    mutationFn: () => api.POST('/api/orders/{id}/cancel', { params: orderParams(order.id) }),
    onSettled: () => client.invalidateQueries({ queryKey: orderKey(order.id) }),
  });
  const canCancel = isOpen(order.status) || order.status === 'confirmed';
  return (
    <div className="mb-6 flex flex-wrap gap-3">
      {(order.status === 'cancelled' || order.status === 'delivered') && <PutBack order={order} />}
      {canCancel && (
        <Button look="secondary" isBusy={cancelling.isPending} onClick={() => cancelling.mutate()}>
          Cancel the order
        </Button>
      )}
      {canSendBack(order.status) && (
        <Link
          to="/orders/$orderId/return"
          params={{ orderId: order.id }}
          className={buttonClasses('secondary')}
        >
          Send something back
        </Link>
      )}
      {cancelling.isError && <ProblemPanel error={cancelling.error} isSmall />}
    </div>
  );
};

/** The goods are in the cart again; after a payment that failed the address stays as well, and only the payment is asked for. */
const PutBack = ({ order }: { order: Order }) => {
  const user = useUser();
  const set = useSetQuantity();
  const navigate = useNavigate();
  const { data: products } = useProducts(order.items.map(({ productId }) => productId));
  const putInto = (cart: Cart) => {
    const known = new Map(products?.map((product) => [product.id, product]));
    for (const { productId, name, quantity, unitPrice } of order.items) {
      const now = known.get(productId);
      set(
        { productId, name, unitPrice: now?.price ?? unitPrice, available: now?.available ?? null },
        // What is in it already stays; a second press adds nothing.
        Math.max(quantity, quantityOf(cart, productId)),
      );
    }
  };
  const { start: putBack, isAsking: isPuttingBack } = useWithCart((cart) => {
    putInto(cart);
    void navigate({ to: '/cart' });
  });
  const { start: payAnotherWay, isAsking: isPreparing } = useWithCart((cart) => {
    putInto(cart);
    const draft = draftOfAnotherTry(tabStore.getItem(draftKey), order.shippingAddress, user);
    tabStore.setItem(draftKey, draft);
    void navigate({ to: '/checkout', search: { step: 'payment' } });
  });
  return (
    <>
      {endedByPayment(order) && (
        <Button isBusy={isPreparing} onClick={payAnotherWay}>
          Pay another way
        </Button>
      )}
      <Button look={endedByPayment(order) ? 'secondary' : 'primary'} isBusy={isPuttingBack} onClick={putBack}>
        {order.status === 'cancelled' ? 'Put it back in the cart' : 'Order it again'}
      </Button>
    </>
  );
};
