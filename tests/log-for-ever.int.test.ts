import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { topics } from '#schemas/topics';
import { timelineOf } from '../services/order/timeline.js';
import {
  type Choreography,
  createChoreography,
  newProduct,
  placeOrder,
  returnItems,
} from './choreography.js';

/** Tokens and texts of customers must not be on a topic that is kept for ever. */

const typed = `too bright for ${randomUUID()}`;
let shop: Choreography;
let orderId: string;

beforeAll(async () => {
  shop = await createChoreography();
  const lamp = await newProduct(shop, 1999, 100);
  await shop.settle();
  orderId = await placeOrder(shop, { items: [{ productId: lamp, quantity: 2, unitPriceMinor: 1999 }] });
  await shop.settle();
  await returnItems(shop, orderId, [{ productId: lamp, quantity: 2 }], typed);
  await shop.settle();
});
afterAll(() => shop?.drop());

const keptForEver = (topic: string): boolean =>
  Object.values(topics).some((each) => each.topic === topic && each.retentionMs === null);
/** Every byte of a record: key, value and headers. */
const bytesOf = ({ key, datum, headers }: Choreography['log'][number]): string =>
  Buffer.concat([Buffer.from(key), datum, Buffer.from(JSON.stringify(headers))]).toString('latin1');
const topicsWith = (secret: string): string[] => [
  ...new Set(shop.log.filter((fact) => bytesOf(fact).includes(secret)).map(({ topic }) => topic)),
];

it('the whole saga is on it: placed, paid, confirmed, returned and refunded', () => {
  const types = shop.log
    .filter(({ topic, key }) => keptForEver(topic) && key === orderId)
    .map(({ type }) => type);
  for (const type of ['OrderPlaced', 'PaymentCaptured', 'OrderReturned', 'PaymentRefunded'] as const)
    expect(types).toContain(type);
});

it('the payment token is on no such topic, and on the one that is kept for a day', () => {
  expect(topicsWith('tok_ok')).toEqual([topics.paymentInstructions.topic]);
  expect(topics.paymentInstructions.retentionMs).toBeLessThanOrEqual(24 * 60 * 60 * 1000);
});

it('no address and no free text is on any topic', () => {
  for (const secret of [typed, '1 Row', '53111', 'Bonn']) expect(topicsWith(secret), secret).toEqual([]);
});

it('how a guest is reached is on no such topic, and on the one that is kept for days', () => {
  for (const secret of ['Ada', 'ada@example.org'])
    expect(topicsWith(secret), secret).toEqual([topics.userContacts.topic]);
  expect(topics.userContacts.retentionMs).toBeLessThanOrEqual(7 * 24 * 60 * 60 * 1000);
});

it('the buyer still sees why the goods were sent back', async () => {
  const timeline = await timelineOf(shop.db('order'), orderId);
  expect(timeline.find(({ type }) => type === 'OrderReturned')?.data).toMatchObject({ reason: typed });
  expect(JSON.stringify(timeline)).not.toContain('tok_ok');
});
