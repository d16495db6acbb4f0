import { type QueryClient, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback } from 'react';
import { cartId, forgetCartId } from '../../api/cart-id.ts';
import { api, type PutBody } from '../../api/client.ts';
import { userNow, useUser } from '../../api/login.ts';
import { ApiProblem } from '../../api/problem.ts';
import { note } from '../../api/shopper-activity.ts';
import { tabStore } from '../../kit/storage.ts';
import { showToast } from '../../kit/toast.tsx';
import type { Money } from '../../money/money.ts';
import { faultOf } from '../../words/words.ts';
import { type Cart, emptyCart, leftOutWords, quantityOf, withQuantity } from './cart.ts';
import { type AskedLine, dropAnswered, keepAsked, unansweredIn } from './unanswered.ts';

const cartKey = ['get', '/api/cart'] as const;

/** Clicks that follow each other this closely are sent as one write of the last quantity. */
const settleMs = 250;

const write = async ({ productId, quantity }: AskedLine): Promise<Cart> => {
  const path = { productId };
  try {
    const { data } =
      quantity <= 0
        ? await api.DELETE('/api/cart/items/{productId}', { params: { path }, keepalive: true })
        : await api.PUT('/api/cart/items/{productId}', {
            params: { path },
            body: { quantity } satisfies PutBody<'/api/cart/items/{productId}'> as never,
            keepalive: true,
          });
    dropAnswered(tabStore, { productId, quantity });
    return data as Cart;
  } catch (error) {
    if (error instanceof ApiProblem) dropAnswered(tabStore, { productId, quantity });
    throw error;
  }
};

/** What the page before this one asked for and saw no answer to; a guest's first answer has the cart's id besides. */
const left = unansweredIn(tabStore, userNow()?.id, Date.now());

const writeAll = async (lines: readonly AskedLine[]): Promise<void> => {
  for (const line of lines) await write(line).catch((error) => showToast(faultOf(error).text));
};

let leftSent: Promise<void> | undefined;
/** Sends it once more, before anything else of the cart. A quantity that the server has already is the same again. */
const sendLeft = (): Promise<void> => {
  leftSent ??= writeAll(left);
  return leftSent;
};

const askCart = async ({ signal }: { signal: AbortSignal }): Promise<Cart> => {
  await sendLeft();
  return (await api.GET('/api/cart', { signal })).data as Cart;
};

const keyOf = (userId: string | undefined) => [...cartKey, userId ?? 'guest'] as const;

let channel: BroadcastChannel | undefined;
/** The tabs of this browser, which have one cart: what one has ordered must not wait to be paid in another. */
const tabs = (): BroadcastChannel => {
  channel ??= new BroadcastChannel('cartstream.cart');
  return channel;
};

type CartNews = { userId: string | undefined; cart: Cart };
const report = (news: CartNews): void => tabs().postMessage(news);

/** Shows in this tab what the others have made of the cart. */
export const followOtherTabs = (client: QueryClient): void => {
  tabs().addEventListener('message', ({ data: { userId, cart } }: MessageEvent<CartNews>) => {
    // A quantity that is not sent yet is newer than this.
    if (wanted.size === 0) client.setQueryData(keyOf(userId), cart);
  });
};

/** The one cart of this browser, which every view reads. A visitor who never put anything in has none to ask for. */
export const useCart = () => {
  const user = useUser();
  const hasCart = user !== undefined || cartId() !== undefined || left.length > 0;
  const asked = useQuery({
    queryKey: keyOf(user?.id),
    enabled: hasCart,
    queryFn: askCart,
    staleTime: 15_000,
    // Another device of the same user may have changed it.
    refetchOnWindowFocus: true,
  });
  return { ...asked, cart: asked.data ?? (hasCart ? undefined : emptyCart) };
};

/**
 * For buttons that put something in: acts on the cart that there is, at once or as soon as the server has said it. A
 * quantity that is set before that would replace what is in the cart.
 */
export const useWithCart = (act: (cart: Cart) => void) => {
  const client = useQueryClient();
  const user = useUser();
  const { cart } = useCart();
  const asking = useMutation({
    mutationFn: () => knownCart(client, user?.id),
    onSuccess: act,
    onError: (error) => showToast(faultOf(error).text),
  });
  return { start: () => (cart === undefined ? asking.mutate() : act(cart)), isAsking: asking.isPending };
};

/** What is shown of the cart, or else the answer that is under way. */
export const knownCart = (client: QueryClient, userId: string | undefined): Promise<Cart> =>
  client.ensureQueryData({ queryKey: keyOf(userId), queryFn: askCart });

export type Wanted = { productId: string; name: string; unitPrice: Money; available: number | null };

/** The last quantity that was asked for of each product and is not sent yet, with what sends it. */
const wanted = new Map<string, { send(): void; timer: ReturnType<typeof setTimeout> }>();

/** A page that is left at once has its last change sent all the same. */
if (typeof document !== 'undefined')
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) for (const { send } of [...wanted.values()]) send();
  });

/**
 * Sets how many pieces of a product are in the cart. The page shows it at once; writes go one after the other, because
 * the first one of a guest also receives the cart's id, and two at once would make two carts. If the server refuses,
 * its cart is shown and why.
 */
export const useSetQuantity = () => {
  const client = useQueryClient();
  const user = useUser();
  const userId = user?.id;
  const { mutate } = useMutation({
    scope: { id: 'cart' },
    mutationFn: async (line: AskedLine) => {
      await sendLeft();
      return write(line);
    },
    onSuccess: (cart) => {
      // While another write waits, its quantity is newer than this answer.
      if (wanted.size > 0 || client.isMutating({ mutationKey: ['cart'] }) > 1) return;
      client.setQueryData(keyOf(userId), cart);
      report({ userId, cart });
    },
    mutationKey: ['cart'],
    onError: (error) => {
      showToast(faultOf(error).text);
      void client.invalidateQueries({ queryKey: cartKey });
    },
  });
  return useCallback(
    (product: Wanted, quantity: number) => {
      const cacheKey = keyOf(userId);
      void client.cancelQueries({ queryKey: cacheKey });
      const before = quantityOf(client.getQueryData<Cart>(cacheKey), product.productId);
      client.setQueryData<Cart>(cacheKey, (cart) => withQuantity(cart ?? emptyCart, product, quantity));
      if (quantity > before) note({ type: 'product_added', productId: product.productId });
      if (quantity === 0 && before > 0) note({ type: 'product_removed', productId: product.productId });
      keepAsked(tabStore, { productId: product.productId, quantity }, userId, Date.now());
      clearTimeout(wanted.get(product.productId)?.timer);
      const send = () => {
        clearTimeout(timer);
        wanted.delete(product.productId);
        mutate({ productId: product.productId, quantity });
      };
      const timer = setTimeout(send, settleMs);
      wanted.set(product.productId, { send, timer });
    },
    [client, userId, mutate],
  );
};

/**
 * Asks for the cart with both identities, which makes the guest's cart part of the user's, and for all else that is shown
 * once more. What had no room in the cart of both is said by that one answer alone, so it is not asked for again.
 */
export const uniteCarts = async (client: QueryClient, userId: string): Promise<void> => {
  const queryKey = keyOf(userId);
  const { queryHash } = client.getQueryCache().build(client, { queryKey });
  let isUnited = false;
  try {
    // What the cache has of it is from before, whatever its age.
    const cart = await client.fetchQuery({ queryKey, queryFn: askCart, staleTime: 0, retry: false });
    isUnited = true;
    forgetCartId();
    const leftOut = leftOutWords(cart);
    if (leftOut !== undefined) showToast(leftOut);
  } catch {
    // The guest's cart keeps its id, so that the next request for the cart unites them.
  }
  // The visitor goes on meanwhile: what is away keeps nobody from being logged in.
  void client.invalidateQueries({ predicate: (query) => !isUnited || query.queryHash !== queryHash });
};

/**
 * The cart of the cache after an order: its lines are ordered, so they are gone from here at once; the cart service takes
 * them out when it reads of the order, some milliseconds later.
 */
export const useCartCache = () => {
  const client = useQueryClient();
  const user = useUser();
  return {
    emptyCart: () => {
      client.setQueriesData<Cart>({ queryKey: cartKey }, emptyCart);
      report({ userId: user?.id, cart: emptyCart });
    },
    /** As the server has it now, whatever is shown. */
    freshCart: (userId: string | undefined) =>
      client.fetchQuery({ queryKey: keyOf(userId), queryFn: askCart, staleTime: 0, retry: false }),
    refreshCart: () => client.invalidateQueries({ queryKey: cartKey }),
  };
};
