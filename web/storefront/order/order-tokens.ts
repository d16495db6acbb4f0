import { browserStore } from '../../kit/storage.ts';

const storageKey = 'cartstream.order-tokens';
const keptMax = 50;

const read = (): Record<string, string> => {
  try {
    return JSON.parse(browserStore.getItem(storageKey) ?? '{}') as Record<string, string>;
  } catch {
    return {};
  }
};

/**
 * A guest opens an order with its token: the one that this browser keeps, or the one in the fragment of the link. The links
 * of our e-mails have none, because nobody but the guest's browser knows it.
 */
export const orderTokenOf = (orderId: string): string | undefined => {
  const given = new URLSearchParams(window.location.hash.slice(1)).get('token');
  return given ?? read()[orderId];
};

/** The guest's orders that this browser can open, the newest first. */
export const keptOrderIds = (): string[] => Object.keys(read()).reverse();

export const rememberOrderToken = (orderId: string, token: string): void => {
  const kept = Object.entries({ ...read(), [orderId]: token }).slice(-keptMax);
  browserStore.setItem(storageKey, JSON.stringify(Object.fromEntries(kept)));
};
