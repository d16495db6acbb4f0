const storageKey = 'cartstream.order-tokens';
const keptMax = 50;

const read = (): Record<string, string> => {
  try {
    return JSON.parse(localStorage.getItem(storageKey) ?? '{}') as Record<string, string>;
  } catch {
    return {};
  }
};

/** A guest opens his order with its token: the one of this browser, or the one of the link in the e-mail. */
export const orderTokenOf = (orderId: string): string | undefined => {
  const given = new URLSearchParams(window.location.hash.slice(1)).get('token');
  return given ?? read()[orderId];
};

/** The guest's orders that this browser can open, the newest first. */
export const keptOrderIds = (): string[] => Object.keys(read()).reverse();

export const rememberOrderToken = (orderId: string, token: string): void => {
  const kept = Object.entries({ ...read(), [orderId]: token }).slice(-keptMax);
  localStorage.setItem(storageKey, JSON.stringify(Object.fromEntries(kept)));
};
