/** The shop as a client sees it: what the whole-system tests and the saga benchmark speak with. */

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { eventually } from '#platform/testing/eventually';
import type { RunFile as LauncherRunFile } from '../local/data-folder/run-file.js';

/** What the launcher wrote about a platform that has a gateway. */
export type RunFile = LauncherRunFile & { gateway: string };

export type Answer<T = Record<string, never>> = { status: number; headers: Headers; body: T };

export type OrderView = {
  id: string;
  status: string;
  reason?: string;
  items: {
    productId: string;
    name: string;
    quantity: number;
    unitPrice: { amountMinor: number; currency: string };
  }[];
  total: { amountMinor: number; currency: string };
  payment: { id: string | null; method: string; status: string };
};

const terminal = new Set(['confirmed', 'cancelled', 'shipped', 'delivered', 'returned']);

export const readRunFile = (path: string): RunFile => JSON.parse(readFileSync(path, 'utf8')) as RunFile;

const callsAt =
  (gateway: string) =>
  async <T>(
    method: string,
    path: string,
    options: {
      token?: string | undefined;
      body?: unknown;
      headers?: Record<string, string>;
      signal?: AbortSignal | undefined;
    } = {},
  ): Promise<Answer<T>> => {
    const response = await fetch(`${gateway}${path}`, {
      method,
      signal: options.signal ?? null,
      headers: {
        ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(options.token ? { authorization: `Bearer ${options.token}` } : {}),
        ...options.headers,
      },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: (text === '' ? {} : JSON.parse(text)) as T,
    };
  };

type Call = ReturnType<typeof callsAt>;

const accountsBy = (call: Call) => ({
  login: async (email: string, password: string): Promise<string> => {
    const answer = await call<{ accessToken: string }>('POST', '/api/auth/login', {
      body: { email, password },
    });
    if (answer.status !== 200)
      throw new Error(`login of ${email}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body.accessToken;
  },

  /** A new customer with a token of his own. */
  registerCustomer: async (): Promise<{ token: string; userId: string }> => {
    const answer = await call<{ accessToken: string; user: { id: string } }>('POST', '/api/auth/register', {
      body: { email: `${randomUUID()}@example.com`, password: 'correct horse battery', name: 'Ada' },
    });
    if (answer.status !== 201) throw new Error(`register: ${answer.status} ${JSON.stringify(answer.body)}`);
    return { token: answer.body.accessToken, userId: answer.body.user.id };
  },
});

const productsBy = (call: Call) => {
  const stockOf = async (
    productId: string,
  ): Promise<{ onHand: number; reserved: number; available: number }> =>
    (
      await call<{ onHand: number; reserved: number; available: number }>(
        'GET',
        `/api/inventory/${productId}`,
      )
    ).body;

  /** A product with stock, visible and orderable when this resolves. */
  const createProduct = async (
    adminToken: string,
    product: { name?: string; category?: string; amountMinor?: number; initialStock: number },
  ): Promise<string> => {
    const answer = await call<{ id: string }>('POST', '/api/products', {
      token: adminToken,
      body: {
        name: product.name ?? `Lantern ${randomUUID().slice(0, 8)}`,
        category: product.category ?? 'home/lighting',
        price: { amountMinor: product.amountMinor ?? 1999, currency: 'GBP' },
        initialStock: product.initialStock,
      },
    });
    if (answer.status !== 201)
      throw new Error(`create product: ${answer.status} ${JSON.stringify(answer.body)}`);
    const { id } = answer.body;
    await eventually(async () => (await stockOf(id)).available === product.initialStock, {
      timeoutMs: 10_000,
      everyMs: 20,
      message: `stock of ${id}`,
    });
    return id;
  };

  return { createProduct, stockOf };
};

const ordersBy = (call: Call) => {
  const placeOrder = (
    options: {
      token?: string;
      items: { productId: string; quantity: number }[];
      paymentToken?: string;
      email?: string;
      /** Who receives it. */
      name?: string;
      idempotencyKey?: string;
      headers?: Record<string, string>;
    },
    signal?: AbortSignal,
  ): Promise<Answer<{ id: string; status: string; statusUrl: string; orderToken?: string }>> =>
    call('POST', '/api/orders', {
      token: options.token,
      signal,
      headers: { 'idempotency-key': options.idempotencyKey ?? randomUUID(), ...options.headers },
      body: {
        items: options.items,
        shippingAddress: {
          name: options.name ?? 'Ada',
          line1: '1 Engine Row',
          city: 'London',
          postalCode: 'N1',
          country: 'GB',
        },
        payment: { method: 'card', token: options.paymentToken ?? 'tok_ok' },
        ...(options.email === undefined ? {} : { email: options.email }),
      },
    });

  const orderOf = async (orderId: string, token: string, signal?: AbortSignal): Promise<OrderView> =>
    (await call<OrderView>('GET', `/api/orders/${orderId}`, { token, signal })).body;

  /** Polls until the saga has ended one way or the other. */
  const settled = async (orderId: string, token: string, timeoutMs = 20_000): Promise<OrderView> => {
    let order: OrderView | undefined;
    await eventually(
      async () => {
        order = await orderOf(orderId, token);
        return terminal.has(order.status);
      },
      { timeoutMs, everyMs: 10, message: `order ${orderId} to settle` },
    );
    return order as OrderView;
  };

  return { placeOrder, orderOf, settled };
};

export const shopAt = (gateway: string) => {
  const call = callsAt(gateway);
  return { gateway, call, ...accountsBy(call), ...productsBy(call), ...ordersBy(call) };
};

export type Shop = ReturnType<typeof shopAt>;
