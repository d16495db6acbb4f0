import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { api } from '../../api/client.ts';
import { Button, buttonClasses } from '../../kit/button.tsx';
import { ProblemPanel } from '../../kit/problem-panel.tsx';
import { quantityOf } from '../cart/cart.ts';
import { useCart, useSetQuantity } from '../cart/use-cart.ts';
import { useProducts } from '../catalogue/products.ts';
import { isOpen, type Order } from './order-words.ts';
import { orderKey, orderParams } from './use-order.ts';

/** What can be done with the order as it is now. */
export const OrderActs = ({ order }: { order: Order }) => {
  const client = useQueryClient();
  const cancelling = useMutation({
    mutationFn: () => api.POST('/api/orders/{id}/cancel', { params: orderParams(order.id) }),
    onSettled: () => client.invalidateQueries({ queryKey: orderKey(order.id) }),
  });
  const canCancel = isOpen(order.status) || order.status === 'confirmed';
  const canReturn = ['confirmed', 'shipped', 'delivered'].includes(order.status);
  return (
    <div className="mb-6 flex flex-wrap gap-3">
      {(order.status === 'cancelled' || order.status === 'delivered') && (
        <PutBack
          order={order}
          label={order.status === 'cancelled' ? 'Put it back in the cart' : 'Order it again'}
        />
      )}
      {canCancel && (
        <Button look="secondary" isBusy={cancelling.isPending} onClick={() => cancelling.mutate()}>
          Cancel the order
        </Button>
      )}
      {canReturn && (
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

const PutBack = ({ order, label }: { order: Order; label: string }) => {
  const set = useSetQuantity();
  const { cart } = useCart();
  const navigate = useNavigate();
  const { data: products } = useProducts(order.items.map(({ productId }) => productId));
  const putBack = () => {
    const known = new Map(products?.map((product) => [product.id, product]));
    for (const { productId, name, quantity, unitPrice } of order.items) {
      const now = known.get(productId);
      set(
        { productId, name, unitPrice: now?.price ?? unitPrice, available: now?.available ?? null },
        // What is in it already stays; a second press adds nothing.
        Math.max(quantity, quantityOf(cart, productId)),
      );
    }
    void navigate({ to: '/cart' });
  };
  return <Button onClick={putBack}>{label}</Button>;
};
