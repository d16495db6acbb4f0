import { browserStore } from '../kit/storage.ts';

const storageKey = 'cartstream.cart';

export const cartId = (): string | undefined => browserStore.getItem(storageKey) ?? undefined;

export const rememberCartId = (id: string): void => browserStore.setItem(storageKey, id);

/** After a login the guest's cart has become the user's. */
export const forgetCartId = (): void => browserStore.removeItem(storageKey);
