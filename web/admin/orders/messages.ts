import { api } from '../../api/client.ts';
import type { components } from '../../api/schema.d.ts';
import type { Order } from './order-answers.ts';

type Message = components['schemas']['Notification'];
type Page = { items: Message[]; next: string | null };

const pagesMax = 5;

/**
 * The messages about an order. They are looked for among those of its buyer, or of everybody for a guest's, from the newest
 * back to when it was placed. Null where that is further back than is looked: then nobody can say whether there are any.
 */
export const messagesOf = async (
  { id, createdAt }: Pick<Order, 'id' | 'createdAt'>,
  userId: string | undefined,
  read: typeof readPage = readPage,
): Promise<Message[] | null> => {
  const found: Message[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < pagesMax; page += 1) {
    const { items, next } = await read(userId, cursor);
    found.push(...items.filter((message) => message.orderId === id));
    const oldest = items.at(-1)?.occurredAt ?? createdAt;
    if (next === null || Date.parse(oldest) < Date.parse(createdAt)) return found;
    cursor = next;
  }
  return found.length > 0 ? found : null;
};

const readPage = async (userId: string | undefined, cursor: string | undefined): Promise<Page> => {
  const { data } = await api.GET('/api/notifications/history', {
    params: {
      query: {
        limit: 100,
        ...(userId === undefined ? {} : { userId }),
        ...(cursor === undefined ? {} : { cursor }),
      },
    },
  });
  return data ?? { items: [], next: null };
};
