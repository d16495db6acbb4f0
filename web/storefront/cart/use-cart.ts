import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback } from 'react';
import { cartId } from '../../api/cart-id.ts';
import { api } from '../../api/client.ts';
import { useUser } from '../../api/login.ts';
import { note } from '../../api/shopper-activity.ts';
import { showToast } from '../../kit/toast.tsx';
import type { Money } from '../../money/money.ts';
import { faultOf } from '../../words/words.ts';
import { type Cart, emptyCart, quantityOf, withQuantity } from './cart.ts';

export const cartKey = ['get', '/api/cart'] as const;

/** Clicks that follow each other this closely are sent as one write of the last quantity. */
const settleMs = 250;

/** The one cart of this browser, which every view reads. A visitor who never put anything in has none to ask for. */
export const useCart = () => {
  const user = useUser();
  const hasCart = user !== undefined || cartId() !== undefined;
  const asked = useQuery({
    queryKey: [...cartKey, user?.id ?? 'guest'],
    enabled: hasCart,
    queryFn: async ({ signal }) => (await api.GET('/api/cart', { signal })).data as Cart,
    staleTime: 15_000,
  });
  return {
    ...asked,
    cart: asked.data ?? (hasCart ? undefined : emptyCart),
    isKnown: !hasCart || asked.isSuccess,
  };
};

export type Wanted = { productId: string; name: string; unitPrice: Money; available: number | null };

/** The last quantity that was asked for of each product, and is not sent yet. */
const wanted = new Map<string, { quantity: number; timer: ReturnType<typeof setTimeout> }>();

/**
 * Sets how many pieces of a product are in the cart. The page shows it at once; writes go one after the other, because
 * the first one of a guest also receives the cart's id, and two at once would make two carts. If the server refuses,
 * its cart is shown and why.
 */
export const useSetQuantity = () => {
  const client = useQueryClient();
  const user = useUser();
  const key = [...cartKey, user?.id ?? 'guest'];
  const userKey = user?.id ?? 'guest';
  const { mutate } = useMutation({
    scope: { id: 'cart' },
    mutationFn: async ({ productId, quantity }: { productId: string; quantity: number }) => {
      const path = { productId };
      const { data } =
        quantity <= 0
          ? await api.DELETE('/api/cart/items/{productId}', { params: { path } })
          : await api.PUT('/api/cart/items/{productId}', { params: { path }, body: { quantity } });
      return data as Cart;
    },
    onSuccess: (cart) => {
      // While another write waits, its quantity is newer than this answer.
      if (wanted.size === 0 && client.isMutating({ mutationKey: ['cart'] }) <= 1)
        client.setQueryData(key, cart);
    },
    mutationKey: ['cart'],
    onError: (error) => {
      showToast(faultOf(error).text);
      void client.invalidateQueries({ queryKey: cartKey });
    },
  });
  return useCallback(
    (product: Wanted, quantity: number) => {
      const cacheKey = [...cartKey, userKey];
      void client.cancelQueries({ queryKey: cacheKey });
      const before = quantityOf(client.getQueryData<Cart>(cacheKey), product.productId);
      client.setQueryData<Cart>(cacheKey, (cart) => withQuantity(cart ?? emptyCart, product, quantity));
      if (quantity > before) note({ type: 'product_added', productId: product.productId });
      if (quantity === 0 && before > 0) note({ type: 'product_removed', productId: product.productId });
      clearTimeout(wanted.get(product.productId)?.timer);
      const timer = setTimeout(() => {
        wanted.delete(product.productId);
        mutate({ productId: product.productId, quantity });
      }, settleMs);
      wanted.set(product.productId, { quantity, timer });
    },
    [client, userKey, mutate],
  );
};

/**
 * The cart of the cache after an order: its lines are ordered, so they are gone from here at once; the cart service takes
 * them out when it reads of the order, some milliseconds later.
 */
export const useCartCache = () => {
  const client = useQueryClient();
  return {
    emptyCart: () => client.setQueriesData<Cart>({ queryKey: cartKey }, emptyCart),
    refreshCart: () => client.invalidateQueries({ queryKey: cartKey }),
  };
};
