/**
 * The usual shop as one process: a checkout is one request that inserts the order, takes the stock, calls the payment
 * provider over HTTP, inserts the payment, confirms the order and answers. It is written as well as that design allows:
 * a pool of connections, prepared statements, lines in one order so that no two checkouts wait for each other in a
 * circle, kept connections to the provider. Its one argument is a `MonolithPlan` as JSON. Prints its URL.
 */
import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';
import pg from 'pg';
import { Pool as HttpPool } from 'undici';
import { v7 as newId } from 'uuid';
import { checkoutTables } from '../cost/checkout-database.js';

export type MonolithPlan = {
  /** An empty database. */
  databaseUrl: string;
  providerUrl: string;
  /**
   * True to call the provider within the one transaction of the checkout, which keeps the rows of the stock locked
   * meanwhile; false to commit order and stock before the call, and payment and confirmation after it.
   */
  holdsTransaction: boolean;
};

const poolMax = 32;
const priceMinor = 1999;

const plan = JSON.parse(process.argv[2] ?? '{}') as MonolithPlan;
const pool = new pg.Pool({ connectionString: plan.databaseUrl, max: poolMax });
await pool.query(checkoutTables);
const provider = new HttpPool(plan.providerUrl, { connections: 128, pipelining: 1 });

type Checkout = { items: { productId: string; quantity: number }[]; shippingAddress: object };

/** Whether all that the order asks for was there, and is now taken. */
const insertOrder = async (client: pg.PoolClient, id: string, checkout: Checkout): Promise<boolean> => {
  const items = checkout.items.toSorted((a, b) => (a.productId < b.productId ? -1 : 1));
  await client.query({
    name: 'order',
    text: "INSERT INTO orders (order_id, status, lines, address, total_minor) VALUES ($1, 'pending', $2, $3, $4)",
    values: [id, JSON.stringify(items), JSON.stringify(checkout.shippingAddress), totalOf(checkout)],
  });
  for (const { productId, quantity } of items) {
    const { rowCount } = await client.query({
      name: 'stock',
      text: 'UPDATE stock SET on_hand = on_hand - $2 WHERE product_id = $1 AND on_hand >= $2',
      values: [productId, quantity],
    });
    if (rowCount === 0) return false;
  }
  return true;
};

const totalOf = ({ items }: Checkout): number =>
  items.reduce((sum, { quantity }) => sum + quantity * priceMinor, 0);

const charge = async (id: string, amountMinor: number): Promise<{ status: string }> => {
  const answer = await provider.request({
    method: 'POST',
    path: '/charges',
    headers: { 'content-type': 'application/json', 'idempotency-key': id },
    body: JSON.stringify({ orderId: id, amountMinor }),
  });
  return (await answer.body.json()) as { status: string };
};

const confirm = async (client: pg.PoolClient, id: string, amountMinor: number, status: string) => {
  await client.query({
    name: 'payment',
    text: 'INSERT INTO payments (payment_id, order_id, amount_minor, status) VALUES ($1, $2, $3, $4)',
    values: [newId(), id, amountMinor, status],
  });
  await client.query({
    name: 'confirm',
    text: "UPDATE orders SET status = 'confirmed' WHERE order_id = $1",
    values: [id],
  });
};

/** Commits if `work` resolves to true, and rolls back otherwise. */
const inTransaction = async (work: (client: pg.PoolClient) => Promise<boolean>): Promise<boolean> => {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const isDone = await work(client);
    await client.query(isDone ? 'COMMIT' : 'ROLLBACK');
    return isDone;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
};

/** Whether the order is confirmed; otherwise something was out of stock. */
const checkOut = async (id: string, checkout: Checkout): Promise<boolean> => {
  const amountMinor = totalOf(checkout);
  const pay = async (client: pg.PoolClient, status: string): Promise<boolean> => {
    await confirm(client, id, amountMinor, status);
    return true;
  };
  if (plan.holdsTransaction)
    return inTransaction(
      async (client) =>
        (await insertOrder(client, id, checkout)) && pay(client, (await charge(id, amountMinor)).status),
    );
  if (!(await inTransaction((client) => insertOrder(client, id, checkout)))) return false;
  const { status } = await charge(id, amountMinor);
  return inTransaction((client) => pay(client, status));
};

const app = Fastify({ logger: false });
app.post<{ Body: Checkout }>('/api/orders', async (request, reply) => {
  const id = newId();
  const isConfirmed = await checkOut(id, request.body);
  return reply
    .status(202)
    .send(isConfirmed ? { id, status: 'confirmed' } : { id, status: 'cancelled', reason: 'out_of_stock' });
});
app.post<{ Body: { initialStock: number } }>('/api/products', async (request, reply) => {
  const id = randomUUID();
  await pool.query('INSERT INTO stock (product_id, on_hand) VALUES ($1, $2)', [
    id,
    request.body.initialStock,
  ]);
  return reply.status(201).send({ id });
});
await app.listen({ port: 0, host: '127.0.0.1' });
console.log(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`);
