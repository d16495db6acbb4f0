import { z } from 'zod';
import { accountOf } from '#platform/http/auth';
import type { HttpApp } from '#platform/http/http-app';
import { problem, problems } from '#platform/http/problem-details';
import { uuid } from '#platform/http/text';
import type { Database } from '#platform/postgres/pool';
import { inTransaction } from '#platform/postgres/transaction';
import type { BackInStockStore } from './back-in-stock-store.js';

const tags = ['inventory'];
const params = z.strictObject({ productId: uuid });
const waitingSchema = z
  .object({ productId: z.uuid(), askedAt: z.iso.datetime() })
  .meta({ id: 'BackInStockSubscription' });

export const backInStockRoutes = (app: HttpApp, db: Database, waiting: BackInStockStore): void => {
  app.post(
    '/api/products/:productId/back-in-stock',
    {
      access: 'user',
      schema: {
        tags,
        summary: 'Be notified once when a product is available again. A repeat changes nothing.',
        params,
        response: { 201: waitingSchema, ...problems(404, 409) },
      },
    },
    async ({ params: { productId }, principal }, reply) => {
      const userId = accountOf(principal);
      const asked = await inTransaction(db, (tx) => waiting.ask(tx, { productId, userId }));
      if (asked === 'unknown_product')
        throw problem(404, 'product_not_found', 'There is no such product, or it is not for sale.');
      if (asked === 'too_many')
        throw problem(409, 'too_many_subscriptions', 'Your account waits for as many products as it may.');
      return reply.code(201).send({ productId, askedAt: asked.askedAt.toISOString() });
    },
  );

  app.delete(
    '/api/products/:productId/back-in-stock',
    {
      access: 'user',
      schema: {
        tags,
        summary: 'No longer wait for a product. Also answered with 204 for an account that does not wait.',
        params,
        response: { 204: z.undefined() },
      },
    },
    async ({ params: { productId }, principal }, reply) => {
      await waiting.forget(db, { productId, userId: accountOf(principal) });
      return reply.code(204).send();
    },
  );
};
