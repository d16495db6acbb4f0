import { expect, it } from 'vitest';
import { messagesOf } from './messages.ts';

const order = { id: 'o', createdAt: '2026-11-30T10:00:00.000Z' };

/** A history of so many pages, newest first, with one message each; the older ones are a minute apart. */
const history = (messages: readonly (readonly [orderId: string, minute: number])[]) => {
  const asked: (string | undefined)[] = [];
  const read = async (userId: string | undefined, cursor: string | undefined) => {
    asked.push(userId);
    const at = Number(cursor ?? 0);
    const [orderId, minute] = messages[at] ?? ['', 0];
    const occurredAt = new Date(Date.parse(order.createdAt) + minute * 60_000).toISOString();
    const items = [{ id: String(at), orderId, occurredAt }] as never[];
    return { items, next: at + 1 < messages.length ? String(at + 1) : null };
  };
  return { asked, read };
};
const idsOf = async (found: ReturnType<typeof messagesOf>) => (await found)?.map(({ id }) => id) ?? null;

it('all messages about an order are found, those of its buyer, and none before it was placed is read', async () => {
  const { asked, read } = history([
    ['o', 9],
    ['other', 5],
    ['o', 1],
    ['other', -1],
    ['other', -2],
  ]);
  expect(await idsOf(messagesOf(order, 'ann', read))).toEqual(['0', '2']);
  expect(asked).toEqual(['ann', 'ann', 'ann', 'ann']);
});

it('that there is none is said only where all of its time was read', async () => {
  const busy = Array.from({ length: 20 }, (_, at) => ['other', 60 - at] as const);
  expect(await idsOf(messagesOf(order, undefined, history(busy).read))).toBeNull();
  expect(await idsOf(messagesOf(order, undefined, history([['other', 3]]).read))).toEqual([]);
});
