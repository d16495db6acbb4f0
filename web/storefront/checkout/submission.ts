import { api } from '../../api/client.ts';
import { userNow } from '../../api/login.ts';
import { newId } from '../../api/new-id.ts';
import { ApiProblem } from '../../api/problem.ts';
import type { paths } from '../../api/schema.d.ts';
import { visitId } from '../../api/visit.ts';
import { tabStore } from '../../kit/storage.ts';
import { rememberOrderToken } from '../order/order-tokens.ts';

const storageKey = 'cartstream.submission';

export type OrderBody = paths['/api/orders']['post']['requestBody']['content']['application/json'];

type Submission = { body: string; key: string; orderToken: string; buyerId: string | undefined };

/**
 * The key of a submission is made when its body is first sent, and kept with it: a timeout, a reload or a second press
 * sends the same key and body, which is one order; a changed body is another order and gets another key.
 */
export const submissionFor = (
  body: OrderBody,
  storage: Pick<Storage, 'getItem' | 'setItem'>,
  buyerId?: string,
): Submission => {
  const text = JSON.stringify(body);
  const stored = unansweredIn(storage, buyerId);
  if (stored?.body === text) return stored;
  const submission = {
    body: text,
    key: newId(),
    // The guest's own token, so that the answer to a repeat has it too.
    orderToken: `${newId()}${newId()}`.replaceAll('-', ''),
    buyerId,
  };
  storage.setItem(storageKey, JSON.stringify(submission));
  return submission;
};

/** What this buyer has sent without an answer that says what became of it; undefined for a guest where it is a user's. */
export const unansweredIn = (
  storage: Pick<Storage, 'getItem'>,
  buyerId: string | undefined,
): Submission | undefined => {
  try {
    const stored = JSON.parse(storage.getItem(storageKey) ?? 'null') as Submission | null;
    return stored !== null && stored.buyerId === buyerId ? stored : undefined;
  } catch {
    return undefined;
  }
};

/** Whether the API has refused the order for good, so that the same things ordered later are another order. */
export const isRefusal = (error: unknown): boolean =>
  error instanceof ApiProblem &&
  error.status >= 400 &&
  error.status < 500 &&
  ![408, 409, 429].includes(error.status);

/** Places the order and returns its id. The guest's token to it is kept in this browser. */
export const placeOrder = (body: OrderBody): Promise<string> =>
  send(submissionFor(body, tabStore, userNow()?.id));

/** Sends a submission, whose answer may have been lost, once more; it is one order all the same. */
export const send = async ({ body: text, key, orderToken }: Submission): Promise<string> => {
  const body = JSON.parse(text) as OrderBody;
  const header = {
    'idempotency-key': key,
    'x-visit-id': visitId(),
    ...(body.email === undefined ? {} : { 'x-order-token': orderToken }),
  };
  try {
    const { data } = await api.POST('/api/orders', { params: { header }, body });
    if (data === undefined) throw new Error('no order');
    if (data.orderToken !== undefined) rememberOrderToken(data.id, data.orderToken);
    // Accepted: the same things ordered again are another order.
    tabStore.removeItem(storageKey);
    return data.id;
  } catch (error) {
    if (isRefusal(error)) tabStore.removeItem(storageKey);
    throw error;
  }
};
