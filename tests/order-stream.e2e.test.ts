import { beforeAll, expect, it } from 'vitest';
import { runFilePath } from '#platform/testing/engines';
import { readRunFile, shopAt } from './shop.js';

const run = readRunFile(runFilePath());
const shop = shopAt(run.gateway);
let admin: string;
let buyer: { token: string; userId: string };

beforeAll(async () => {
  admin = await shop.login(run.adminEmail, run.adminPassword);
  buyer = await shop.registerCustomer();
});

/** Long enough for an order; a stream that does not end fails the test. */
const streamMsMax = 20_000;

const streamOf = async (orderId: string, headers: Record<string, string>) => {
  const answer = await fetch(`${run.gateway}/api/orders/${orderId}/stream`, {
    headers,
    signal: AbortSignal.timeout(streamMsMax),
  });
  const text = await answer.text();
  const events = text
    .split('\n\n')
    .filter((block) => block.startsWith('event: status'))
    .map((block) => ({
      id: /^id: (.*)$/m.exec(block)?.[1],
      data: JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? 'null') as { status: string; reason?: string },
    }));
  return { status: answer.status, type: answer.headers.get('content-type'), events };
};

const place = async (paymentToken: string): Promise<string> => {
  const productId = await shop.createProduct(admin, { initialStock: 5 });
  const placed = await shop.placeOrder({
    token: buyer.token,
    items: [{ productId, quantity: 1 }],
    paymentToken,
  });
  return placed.body.id;
};

it('pushes each status of an order from pending to confirmed, and ends', async () => {
  const orderId = await place('tok_slow');
  const { status, type, events } = await streamOf(orderId, { authorization: `Bearer ${buyer.token}` });
  expect([status, type]).toEqual([200, 'text/event-stream; charset=utf-8']);
  const saga = ['pending', 'reserved', 'paid', 'confirmed'];
  const seen = events.map(({ data }) => data.status);
  // A status that lasted a millisecond may have passed before it could be sent.
  expect(seen).toEqual(saga.filter((each) => seen.includes(each)));
  expect(seen.at(-1)).toBe('confirmed');
  expect(seen.length).toBeGreaterThan(1);
  expect(events.map(({ id }) => id)).toEqual(seen);
});

it('says why an order was cancelled, and answers a client that has it all with 204', async () => {
  const orderId = await place('tok_declined');
  const headers = { authorization: `Bearer ${buyer.token}` };
  const { events } = await streamOf(orderId, headers);
  expect(events.at(-1)?.data).toEqual({ status: 'cancelled', reason: 'payment_declined' });
  const again = await streamOf(orderId, { ...headers, 'last-event-id': 'cancelled' });
  expect([again.status, again.events]).toEqual([204, []]);
  const fromBefore = await streamOf(orderId, { ...headers, 'last-event-id': 'pending' });
  expect(fromBefore.events.map(({ data }) => data.status)).toEqual(['cancelled']);
});

it('is for the buyer and staff alone', async () => {
  const orderId = await place('tok_ok');
  const other = await shop.registerCustomer();
  const statusFor = async (headers: Record<string, string>) =>
    (await fetch(`${run.gateway}/api/orders/${orderId}/stream`, { headers })).status;
  expect(await statusFor({})).toBe(404);
  expect(await statusFor({ authorization: `Bearer ${other.token}` })).toBe(404);
  expect(await statusFor({ authorization: `Bearer ${admin}` })).toBe(200);
});
