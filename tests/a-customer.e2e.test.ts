import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { runFilePath } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';
import { readRunFile, shopAt } from './shop.js';
import { tracesOf } from './traces-of-a-person.js';

/** One customer's way through the shop. The mail is what the shop has really sent, to the mailbox of the platform. */

const run = readRunFile(runFilePath());
const shop = shopAt(run.gateway);
const mailbox = run.processes.find(({ name }) => name === 'mailbox')?.url;

type Letter = { id: string; subject: string; text: string };

const lettersTo = async (email: string): Promise<Letter[]> => {
  const answer = await fetch(`${mailbox}/letters?to=${encodeURIComponent(email)}`);
  return ((await answer.json()) as { items: Letter[] }).items;
};

/** Waits for the letter, and makes sure that it was sent once. */
const letterTo = (email: string, subject: string): Promise<Letter> =>
  eventually(
    async () => {
      const found = (await lettersTo(email)).filter((letter) => letter.subject === subject);
      expect(found, `letters about “${subject}”`).toHaveLength(1);
      return found[0] as Letter;
    },
    { timeoutMs: 20_000, everyMs: 100 },
  );

it('registers, proves the address, fills a cart, buys, is notified, reviews, returns, gets the money back, and is erased', async ({
  skip,
}) => {
  if (mailbox === undefined) skip('this platform sends its mail to another server (SMTP_URL)');
  const admin = await shop.login(run.adminEmail, run.adminPassword);
  const productId = await shop.createProduct(admin, { initialStock: 5, amountMinor: 1999 });

  // Nothing else contains it, so it can be looked for everywhere.
  const mark = `ada${randomUUID().replaceAll('-', '')}`;
  const [email, name] = [`${mark}@example.com`, `Ada ${mark}`];
  const password = 'correct horse battery';
  await shop.call('POST', '/api/auth/register', { body: { email, password, name } });
  const { id: letterId, text } = await letterTo(email, 'Please confirm your e-mail address');
  const policyOf = async (path: string) =>
    (await fetch(`${mailbox}${path}`)).headers.get('content-security-policy');
  // A page in a sandbox cannot load itself again, as the list does; what others wrote is shown in one.
  expect(await policyOf('/')).not.toContain('sandbox');
  expect(await policyOf(`/letters/${letterId}`)).toContain('sandbox');
  const code = /The code is (\S+)/.exec(text)?.[1];
  expect((await shop.call('POST', '/api/auth/verify-email', { body: { token: code } })).status).toBe(204);

  const guest = await shop.call('PUT', `/api/cart/items/${productId}`, { body: { quantity: 2 } });
  const cartId = guest.headers.get('x-cart-id') ?? '';
  const login = { headers: { 'x-cart-id': cartId }, body: { email, password } };
  const { accessToken: token } = (await shop.call<{ accessToken: string }>('POST', '/api/auth/login', login))
    .body;
  type Cart = { items: { productId: string; quantity: number }[]; total: object | null };
  const cartOf = async () => (await shop.call<Cart>('GET', '/api/cart', { token })).body;
  expect(await cartOf()).toMatchObject({
    items: [{ productId, quantity: 2 }],
    total: { amountMinor: 3998, currency: 'GBP' },
  });

  const { id } = (await shop.placeOrder({ token, name, items: [{ productId, quantity: 2 }] })).body;
  expect((await shop.settled(id, token)).status).toBe('confirmed');
  expect((await letterTo(email, 'Your order is confirmed')).text).toContain('£39.98');
  await eventually(async () => expect((await cartOf()).items).toEqual([]));

  const review = { rating: 4, title: `By ${name}`, text: `It lights the desk of ${name}.` };
  const reviewed = await shop.call('POST', `/api/products/${productId}/reviews`, { token, body: review });
  expect(reviewed.status).toBe(201);

  const returned = await shop.call('POST', `/api/orders/${id}/returns`, {
    token,
    headers: { 'idempotency-key': randomUUID() },
    body: { items: [{ productId, quantity: 2 }], reason: `too dark for ${name}` },
  });
  expect(returned.status).toBe(202);
  expect((await letterTo(email, 'We have noted your return')).text).toContain('£39.98');
  await letterTo(email, 'Your money is on its way back');
  type History = { items: { template: string; status: string }[] };
  const history = await shop.call<History>('GET', '/api/notifications/history', { token });
  expect(history.body.items.map(({ template, status }) => [template, status])).toEqual(
    expect.arrayContaining([
      ['verify_email', 'sent'],
      ['order_confirmed', 'sent'],
      ['order_returned', 'sent'],
    ]),
  );

  const known = await tracesOf(run, mark);
  expect(known).toEqual(expect.arrayContaining(['user.users', 'order.orders', 'review.reviews']));
  const { body: account } = await shop.call<{ id: string }>('GET', '/api/users/me', { token });
  expect((await shop.call('DELETE', '/api/users/me', { token })).status).toBe(204);
  // The token itself is good for minutes.
  expect((await shop.call('GET', '/api/orders', { token })).status).toBe(401);
  const letters = `/api/notifications/history?userId=${account.id}`;
  await eventually(async () =>
    expect((await shop.call<History>('GET', letters, { token: admin })).body.items).toEqual([]),
  );
  const again = await shop.call('POST', '/api/auth/login', { body: { email, password } });
  expect(again.status).toBe(401);
  await eventually(async () => expect(await tracesOf(run, mark)).toEqual([]), { timeoutMs: 20_000 });
  const order = await shop.orderOf(id, admin);
  expect(order).toMatchObject({ status: 'returned', total: { amountMinor: 3998, currency: 'GBP' } });
});
