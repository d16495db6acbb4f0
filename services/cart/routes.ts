import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Clock } from '#platform/clock';
import { assertVersion, notModified, sendWithEtag, versionedEtag } from '#platform/http/etag';
import type { HttpApp } from '#platform/http/http-app';
import { ignored } from '#platform/http/json-value';
import { type InputError, problem, problems } from '#platform/http/problem-details';
import { text, uuid } from '#platform/http/text';
import { newId } from '#platform/ids';
import type { Database } from '#platform/postgres/pool';
import type { Replica } from '#platform/postgres/replica';
import { inTransaction, type Tx } from '#platform/postgres/transaction';
import { cartIdCharsMax, cartIdHeader } from '#schemas/cart-id';
import { itemsMax, piecesOfProductMax } from '#schemas/order-bounds';
import { type Item, leftOutWarnings, type Money, mergeItems, sumUp, warningCodes } from './cart.js';
import { signCartId, verifyCartId } from './cart-id.js';
import { type Cart, type CartStore, type LockedCart, type Owner, seenIn } from './cart-store.js';
import type { ProductCopy } from './product-replica.js';

export type CartRouteDeps = {
  db: Database;
  carts: CartStore;
  products: Pick<Replica<ProductCopy>, 'find' | 'awaitKnown'>;
  /** Signs guests' cart ids. */
  secret(): Buffer;
  clock: Clock;
  productWaitMs: number;
};

const money = z.object({
  amountMinor: z.int().describe('In minor units.'),
  currency: z.string().describe('ISO 4217.'),
});

const cartSchema = z
  .object({
    items: z.array(
      z.object({
        productId: z.uuid(),
        quantity: z.int(),
        name: z.string(),
        unitPrice: money.describe('The price of now.'),
        available: z.int().nullable().describe('Pieces that can be sold; null while that is not known.'),
      }),
    ),
    total: money
      .nullable()
      .describe('Of the items that are for sale; null where no order could have this sum: see `warnings`.'),
    pieces: z.int(),
    warnings: z
      .array(
        z.object({
          code: z.enum(warningCodes),
          productId: z.uuid().optional(),
          message: z.string(),
          before: money.optional().describe('The price when the item was put into the cart.'),
          now: money.optional(),
          available: z.int().optional(),
        }),
      )
      .describe(
        'What has changed since an item was put into the cart, and what prevents an order. An item that is put again ' +
          'is put at the price of now. `left_out` is said once, by the answer to the request that made the guest’s cart part ' +
          'of the user’s: these pieces had no place in it.',
      ),
    updatedAt: z.iso.datetime().nullable().describe('Null while nothing was ever put into the cart.'),
  })
  .meta({ id: 'Cart' });

const quantity = z.int().min(1).max(piecesOfProductMax);

const keptOfItem = { name: ignored, unitPrice: ignored, available: ignored };

const cartBody = z.strictObject({
  items: z
    .array(z.strictObject({ productId: uuid, quantity, ...keptOfItem }))
    .max(itemsMax)
    .describe(`Items of the same product become one, of at most ${piecesOfProductMax} pieces.`),
  total: ignored,
  pieces: ignored,
  warnings: ignored,
  updatedAt: ignored,
});

const params = z.strictObject({ productId: uuid });
const idHeader = {
  [cartIdHeader]: text(cartIdCharsMax)
    .optional()
    .describe(
      'The id of a guest’s cart, from the same header of an earlier answer. An unknown, expired or forged one counts as ' +
        'none: the answer has a new id and an empty cart. Sent with a token, the guest’s cart becomes part of the user’s.',
    ),
};
const readHeaders = z.object(idHeader);
const writeHeaders = z.object({
  ...idHeader,
  'if-match': text(512).min(1).optional().describe('Change the cart only if it is as in that answer.'),
});
const tags = ['cart'];

/** The request's owner, and the id that the answer of a guest has. */
type Caller = { owner: Owner; signedId?: string; adopts?: string };

type CartRequest = Pick<FastifyRequest, 'principal'> & {
  headers: { [cartIdHeader]?: string | undefined; 'if-match'?: string | undefined };
};

const callerOf = async (
  { db, carts, secret, clock }: CartRouteDeps,
  { principal, headers }: CartRequest,
): Promise<Caller> => {
  const nowMs = clock.nowMs();
  const signedId = headers[cartIdHeader];
  const known = verifyCartId(signedId, secret(), nowMs);
  const state = known === undefined ? 'none' : await carts.stateOf(db, known.cartId);
  if (principal.kind === 'user') {
    const owner = { userId: principal.userId };
    return known !== undefined && state === 'open' ? { owner, adopts: known.cartId } : { owner };
  }
  const cartId = known === undefined || state === 'spent' ? newId(clock) : known.cartId;
  const isKept = cartId === known?.cartId && !known.isRenewable && signedId !== undefined;
  return { owner: { cartId }, signedId: isKept ? signedId : signCartId(cartId, secret(), nowMs) };
};

const readRoute = (app: HttpApp, deps: CartRouteDeps): void => {
  const { db, carts, clock } = deps;
  app.get(
    '/api/cart',
    {
      access: 'public',
      schema: {
        tags,
        summary: 'Your cart at the prices of now; a guest’s by `X-Cart-Id`, which the first answer returns.',
        headers: readHeaders,
        response: { 200: cartSchema, ...notModified },
      },
    },
    async (request, reply) => {
      const caller = await callerOf(deps, request);
      const { owner, adopts } = caller;
      const leftOut =
        adopts !== undefined && 'userId' in owner
          ? await inTransaction(db, (tx) => carts.adopt(tx, adopts, owner.userId))
          : [];
      const cart = await carts.find(db, owner);
      if (cart !== undefined && clock.nowMs() - cart.seenAt.getTime() > touchEveryMs)
        await carts.touch(db, cart.cartId);
      return answer(request, reply, caller, { cart, leftOut });
    },
  );
};

const touchEveryMs = 86_400_000;

/** The items of the cart after the change; those of `seen` keep the price that their owner has seen. */
type Edited = { items: readonly Item[]; seen?: Map<string, Money> };

/** The cart, and what had no place in it when the guest's became part of it just now. */
type Shown = { cart: Cart | undefined; leftOut: readonly Item[] };

/** Changes the cart in one transaction. `onlyExisting` leaves a cart that does not exist as it is. */
const change = async (
  deps: CartRouteDeps,
  request: CartRequest,
  caller: Caller,
  edit: (tx: Tx, cart: LockedCart) => Edited | Promise<Edited>,
  { onlyExisting = false } = {},
): Promise<Shown> => {
  const { db, carts } = deps;
  const { owner, adopts } = caller;
  return inTransaction(db, async (tx) => {
    const leftOut =
      adopts !== undefined && 'userId' in owner ? await carts.adopt(tx, adopts, owner.userId) : [];
    if (onlyExisting && (await carts.find(tx, owner)) === undefined) {
      assertVersion(request, 0);
      return { cart: undefined, leftOut };
    }
    const cart = await carts.lock(tx, owner);
    if (cart === undefined) throw 'userId' in owner ? erased() : spent();
    assertVersion(request, cart.version);
    const { items, seen } = await edit(tx, cart);
    await carts.save(tx, cart, items, seen);
    return { cart: await carts.find(tx, owner), leftOut };
  });
};

const putRoute = (app: HttpApp, deps: CartRouteDeps): void => {
  app.put(
    '/api/cart',
    {
      access: 'public',
      schema: {
        tags,
        summary: 'Replace the cart.',
        headers: writeHeaders,
        body: cartBody,
        response: { 200: cartSchema, ...problems(409, 412, 422) },
      },
    },
    async (request, reply) => {
      const items = mergeItems(request.body.items);
      const tooMany = items.find((item) => item.quantity > piecesOfProductMax);
      if (tooMany !== undefined)
        throw problem(400, 'invalid_body', 'Too many pieces of one product.', {
          errors: [{ path: '/items', message: `${tooMany.productId}: ${piecesOfProductMax} pieces at most` }],
        });
      const productIds = items.map(({ productId }) => productId);
      await deps.products.awaitKnown(productIds, deps.productWaitMs);
      const caller = await callerOf(deps, request);
      const { cart } = await change(deps, request, caller, async (tx) => {
        const errors = errorsOfItems(request.body.items, await deps.products.find(tx, productIds));
        if (errors.length > 0)
          throw problem(422, 'product_not_available', 'Some products are not for sale.', { errors });
        return { items };
      });
      // What was left out would not be in it either.
      return answer(request, reply, caller, { cart, leftOut: [] });
    },
  );
};

const putItemRoute = (app: HttpApp, deps: CartRouteDeps): void => {
  app.put(
    '/api/cart/items/:productId',
    {
      access: 'public',
      schema: {
        tags,
        summary: 'Put so many pieces of a product into the cart, however many were in it.',
        params,
        headers: writeHeaders,
        body: z.strictObject({ quantity, ...keptOfItem, productId: ignored }),
        response: { 200: cartSchema, ...problems(404, 409, 412, 422) },
      },
    },
    async (request, reply) => {
      const { productId } = request.params;
      const item = { productId, quantity: request.body.quantity };
      await deps.products.awaitKnown([productId], deps.productWaitMs);
      const caller = await callerOf(deps, request);
      const shown = await change(deps, request, caller, async (tx, { items }) => {
        await assertForSale(deps, tx, productId);
        const isNew = items.every((other) => other.productId !== productId);
        if (isNew && items.length >= itemsMax)
          throw problem(409, 'too_many_products', `A cart has ${itemsMax} products at most.`);
        const seen = seenIn(items);
        seen.delete(productId);
        return {
          items: isNew
            ? [...items, item]
            : items.map((other) => (other.productId === productId ? item : other)),
          seen,
        };
      });
      return answer(request, reply, caller, shown);
    },
  );
};

const deleteRoutes = (app: HttpApp, deps: CartRouteDeps): void => {
  app.delete(
    '/api/cart',
    {
      access: 'public',
      schema: {
        tags,
        summary: 'Empty the cart.',
        headers: writeHeaders,
        response: { 200: cartSchema, ...problems(409, 412) },
      },
    },
    async (request, reply) => {
      const caller = await callerOf(deps, request);
      const emptied = () => ({ items: [] });
      const { cart } = await change(deps, request, caller, (_tx, _cart) => emptied(), { onlyExisting: true });
      return answer(request, reply, caller, { cart, leftOut: [] });
    },
  );

  app.delete(
    '/api/cart/items/:productId',
    {
      access: 'public',
      schema: {
        tags,
        summary: 'Take a product out of the cart. It is no error if it is not in it.',
        params,
        headers: writeHeaders,
        response: { 200: cartSchema, ...problems(409, 412) },
      },
    },
    async (request, reply) => {
      const { productId } = request.params;
      const caller = await callerOf(deps, request);
      const without = (_tx: Tx, { items }: LockedCart) => ({
        items: items.filter((item) => item.productId !== productId),
        seen: seenIn(items),
      });
      return answer(
        request,
        reply,
        caller,
        await change(deps, request, caller, without, { onlyExisting: true }),
      );
    },
  );
};

export const cartRoutes = (app: HttpApp, deps: CartRouteDeps): void => {
  readRoute(app, deps);
  putRoute(app, deps);
  putItemRoute(app, deps);
  deleteRoutes(app, deps);
};

const errorsOfItems = (asked: readonly Item[], products: ReadonlyMap<string, ProductCopy>): InputError[] =>
  asked.flatMap(({ productId }, index): InputError[] => {
    const product = products.get(productId);
    if (product?.active === true) return [];
    return [
      {
        path: `/items/${index}/productId`,
        message: product === undefined ? 'is unknown' : 'is not for sale',
      },
    ];
  });

const assertForSale = async ({ products }: CartRouteDeps, tx: Tx, productId: string): Promise<void> => {
  const product = (await products.find(tx, [productId])).get(productId);
  if (product === undefined) throw problem(404, 'product_not_found', 'There is no such product.');
  if (!product.active) throw problem(422, 'product_not_available', 'The product is not for sale.');
};

/** A login in another tab has just made the guest's cart part of the user's. */
const spent = () =>
  problem(409, 'cart_merged', 'This cart has become part of a user’s. Read the cart again.');

/** The token of an account that is gone is good for some minutes. */
const erased = () => problem(401, 'account_erased', 'This account is gone.');

const answer = <R extends { header(name: string, value: string): unknown }>(
  request: Pick<FastifyRequest, 'headers'>,
  reply: R,
  { signedId }: Caller,
  { cart, leftOut }: Shown,
): R => {
  const body = bodyOf(cart, leftOut);
  reply.header('cache-control', 'private, no-cache');
  if (signedId !== undefined) reply.header(cartIdHeader, signedId);
  return sendWithEtag(request, reply, versionedEtag(cart?.version ?? 0, body), body);
};

const bodyOf = (cart: Cart | undefined, leftOut: readonly Item[]): z.output<typeof cartSchema> => {
  const items = cart?.items ?? [];
  const { warnings, ...sum } = sumUp(items);
  return {
    items: items.map(({ productId, quantity: pieces, name, price, available }) => ({
      productId,
      quantity: pieces,
      name,
      unitPrice: price,
      available,
    })),
    ...sum,
    warnings: [...warnings, ...leftOutWarnings(leftOut)],
    updatedAt: cart?.version ? cart.updatedAt.toISOString() : null,
  };
};
