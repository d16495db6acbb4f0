const storageKey = 'cartstream.cart';

export const cartId = (): string | undefined => {
  try {
    return localStorage.getItem(storageKey) ?? undefined;
  } catch {
    return undefined;
  }
};

export const rememberCartId = (id: string): void => {
  try {
    localStorage.setItem(storageKey, id);
  } catch {
    // A browser that stores nothing keeps the cart of this page only.
  }
};

/** After a login the guest's cart has become the user's. */
export const forgetCartId = (): void => localStorage.removeItem(storageKey);
