import { api } from '../../api/client.ts';
import { visitId } from '../../api/visit.ts';
import { rememberOrderToken } from '../order/order-tokens.ts';

const storageKey = 'cartstream.submission';

export type OrderBody = {
  items: { productId: string; quantity: number }[];
  shippingAddress: ReturnType<typeof import('./draft.ts').addressOf>;
  payment: { method: 'card' | 'paypal' | 'crypto'; token: string };
  email?: string;
};

type Submission = { body: string; key: string; orderToken: string };

/**
 * The key of a submission is made when its body is first sent, and kept with it: a timeout, a reload or a second press
 * sends the same key and body, which is one order; a changed body is another order and gets another key.
 */
export const submissionFor = (body: OrderBody, storage: Pick<Storage, 'getItem' | 'setItem'>): Submission => {
  const text = JSON.stringify(body);
  const stored = parsed(storage.getItem(storageKey));
  if (stored?.body === text) return stored;
  const submission = {
    body: text,
    key: crypto.randomUUID(),
    // The guest's own token, so that the answer to a repeat has it too.
    orderToken: `${crypto.randomUUID()}${crypto.randomUUID()}`.replaceAll('-', ''),
  };
  storage.setItem(storageKey, JSON.stringify(submission));
  return submission;
};

const parsed = (text: string | null): Submission | undefined => {
  try {
    return (JSON.parse(text ?? 'null') as Submission | null) ?? undefined;
  } catch {
    return undefined;
  }
};

/** Places the order and returns its id. The guest's token to it is kept in this browser. */
export const placeOrder = async (body: OrderBody): Promise<string> => {
  const { key, orderToken } = submissionFor(body, sessionStorage);
  const isGuest = body.email !== undefined;
  const { data } = await api.POST('/api/orders', {
    params: {
      header: {
        'idempotency-key': key,
        'x-visit-id': visitId(),
        ...(isGuest ? { 'x-order-token': orderToken } : {}),
      },
    },
    body: body as never,
  });
  if (data === undefined) throw new Error('no order');
  if (data.orderToken !== undefined) rememberOrderToken(data.id, data.orderToken);
  // Accepted: the same things ordered again are another order.
  sessionStorage.removeItem(storageKey);
  return data.id;
};
