/**
 * The limit of a checkout: one PostgreSQL transaction that inserts an order and its payment and takes the stock, behind
 * one fastify route that answers like ours. Takes the URL of a server, and creates a new database there. Prints its own
 * URL.
 */
import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';
import pg from 'pg';
import { v7 as newId } from 'uuid';
import { checkoutTables, newDatabase } from './checkout-database.js';

const poolMax = 16;
const plenty = 1_000_000_000;

const pool = new pg.Pool({
  connectionString: await newDatabase(process.argv[2] ?? '', 'bare_checkout'),
  max: poolMax,
});
await pool.query(checkoutTables);

type Checkout = { items: { productId: string; quantity: number }[]; shippingAddress: object };

const app = Fastify({ logger: false });
app.post<{ Body: Checkout }>('/api/orders', async (request, reply) => {
  const { items, shippingAddress } = request.body;
  const id = newId();
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query({
      name: 'stock',
      text: `INSERT INTO stock (product_id, on_hand) SELECT p, ${plenty} - q FROM unnest($1::uuid[], $2::int[]) AS i(p, q)
             ON CONFLICT (product_id) DO UPDATE SET on_hand = stock.on_hand - ${plenty} + excluded.on_hand`,
      values: [items.map(({ productId }) => productId), items.map(({ quantity }) => quantity)],
    });
    await client.query({
      name: 'order',
      text: "INSERT INTO orders (order_id, status, lines, address, total_minor) VALUES ($1, 'confirmed', $2, $3, $4)",
      values: [id, JSON.stringify(items), JSON.stringify(shippingAddress), 1999],
    });
    await client.query({
      name: 'payment',
      text: "INSERT INTO payments (payment_id, order_id, amount_minor, status) VALUES ($1, $2, $3, 'captured')",
      values: [newId(), id, 1999],
    });
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
  return reply.status(202).send({ id, status: 'confirmed', statusUrl: `/api/orders/${id}/status` });
});
app.get('/api/orders/:id/status', async () => ({ status: 'confirmed' }));
await app.listen({ port: 0, host: '127.0.0.1' });
console.log(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`);
