import { randomUUID } from 'node:crypto';
import { newId } from '#platform/ids';
import { firstTime } from '#platform/inbox/inbox';
import { avroType } from '#platform/messaging/avro-codec';
import type { EventPublisher, ReceivedEvent } from '#platform/messaging/events';
import type { Reaction, Reactions } from '#platform/messaging/reactor';
import { headerNames } from '#platform/messaging/record-headers';
import { inTransaction } from '#platform/postgres/transaction';
import { withCorrelation } from '#platform/telemetry/correlation';
import { type HandClock, handClock } from '#platform/testing/hand-clock';
import { type ScratchDatabase, scratchDatabase } from '#platform/testing/scratch-database';
import { testHost } from '#platform/testing/test-host';
import { type EventMap, type EventType, records, type Sale } from '#schemas/events';
import { createCartStore } from '../services/cart/cart-store.js';
import { createOrderTakings } from '../services/cart/order-takings-store.js';
import {
  createProductReplica as createCartProducts,
  createStockReplica,
} from '../services/cart/product-replica.js';
import { reactions as cartReactions } from '../services/cart/reactions.js';
import { createBackInStockStore } from '../services/inventory/back-in-stock-store.js';
import { createHoldStore } from '../services/inventory/hold-store.js';
import { createInventoryMetrics } from '../services/inventory/inventory-metrics.js';
import { createProductsForSale } from '../services/inventory/product-replica.js';
import { reactions as inventoryReactions } from '../services/inventory/reactions.js';
import { createStockStore, type StockStore } from '../services/inventory/stock-store.js';
import { contactStore } from '../services/notification/contact-store.js';
import { createNotificationStore } from '../services/notification/notification-store.js';
import { createProductNames } from '../services/notification/product-replica.js';
import { reactions as notificationReactions } from '../services/notification/reactions.js';
import { createOrderMetrics } from '../services/order/order-metrics.js';
import { createOrderStore, type OrderStore } from '../services/order/order-store.js';
import { findOrders, type OrderView } from '../services/order/order-view.js';
import { createProductReplica } from '../services/order/product-replica.js';
import { catalogueReactions, sagaReactions } from '../services/order/reactions.js';
import { createSweeper } from '../services/order/sweeper.js';
import { listUnsettled, type UnsettledOrder } from '../services/order/unsettled.js';
import { createPaymentMetrics } from '../services/payment/payment-metrics.js';
import { createPaymentStore, type PaymentStore } from '../services/payment/payment-store.js';
import { createProviderWorker } from '../services/payment/provider-worker.js';
import { reactions as paymentReactions } from '../services/payment/reactions.js';
import { createSandboxProvider } from '../services/payment/sandbox-provider.js';
import { createProductStore, type ProductStore } from '../services/product/product-store.js';
import { reactions as productReactions } from '../services/product/reactions.js';
import { createCatalogueStore } from '../services/recommendation/catalogue-store.js';
import { reactions as recommendationReactions } from '../services/recommendation/reactions.js';
import { reactions as reviewReactions } from '../services/review/reactions.js';
import { createShopFacts } from '../services/review/shop-facts-store.js';
import { createDocumentStore } from '../services/search/document-store.js';
import { reactions as searchReactions } from '../services/search/reactions.js';

/** The services that react to events, each with its own database. */
export const reactors = [
  'cart',
  'inventory',
  'notification',
  'order',
  'payment',
  'product',
  'recommendation',
  'review',
  'search',
] as const;

export type Reactor = (typeof reactors)[number];

export type Fact = {
  topic: string;
  type: EventType;
  key: string;
  /** As Avro, as it would lie in Kafka. */
  datum: Buffer;
  headers: Record<string, string>;
};

/**
 * The stores and reactions of all services, over real databases. The test controls the log: it decides when, in which
 * order and how often a service's outbox messages are delivered. Time stands still until the test advances it.
 */
export type Choreography = {
  clock: HandClock;
  /** Every event appended so far, in the order in which `settle` collected them. */
  log: readonly Fact[];
  orders: OrderStore;
  stock: StockStore;
  payments: PaymentStore;
  products: ProductStore;
  db(service: Reactor): ScratchDatabase['db'];
  /**
   * Delivers all new events to all services and makes the provider calls that are due, until none are left.
   * `beforeProvider` runs each time after new events were delivered and before the provider is called.
   */
  settle(options?: { beforeProvider?: () => Promise<void> }): Promise<void>;
  /** Logs and delivers an event of a service that has no part here. */
  happens<T extends EventType>(type: T, key: string, value: EventMap[T]): Promise<void>;
  /** Delivers these events, in this order, to every service that reacts to them. */
  deliver(facts: readonly Fact[]): Promise<void>;
  /** Cancels the orders that are overdue. */
  sweep(): Promise<void>;
  /** Every row of every table of every service except the inbox, and the number of messages that each has appended. */
  snapshot(): Promise<Record<string, readonly string[]>>;
  drop(): Promise<void>;
};

const roundsMax = 50;

const migrationsOf: Record<Reactor, readonly string[]> = {
  cart: [],
  inventory: ['outbox'],
  notification: [],
  order: ['outbox', 'http'],
  payment: ['outbox'],
  product: ['outbox'],
  recommendation: [],
  review: ['outbox'],
  search: [],
};

const openDatabases = async () => {
  const opened = await Promise.all(
    reactors.map((service) =>
      scratchDatabase(
        [
          ...['inbox', ...migrationsOf[service]].map((part) => `platform/${part}/migrations`),
          `services/${service}/migrations`,
        ],
        4,
      ),
    ),
  );
  return Object.fromEntries(reactors.map((service, at) => [service, opened[at]])) as Record<
    Reactor,
    ScratchDatabase
  >;
};

/** Encodes as the platform's publisher does, but with an invented schema id, because there is no registry here. */
const publisherAt = <P extends EventType>(
  clock: HandClock,
): Pick<EventPublisher<Pick<EventMap, P>>, 'event'> => ({
  event: (type, key, value, options) => ({
    topic: records[type].topic,
    key,
    value: avroType(records[type].schema).toBuffer(value),
    headers: {
      type,
      [headerNames.eventId]: options.eventId ?? newId(clock),
      [headerNames.correlationId]: key,
      [headerNames.occurredAt]: String(options.occurredAt),
    },
  }),
});

type DbOf = (service: Reactor) => ScratchDatabase['db'];

/** The parts of all services that act on an event or by themselves. */
const createServices = (clock: HandClock, dbOf: DbOf, retryMs: number) => {
  const host = testHost('choreography', { clock, logLevel: 'fatal' });
  const orders = createOrderStore({ events: publisherAt(clock), clock });
  const metrics = createOrderMetrics(host.metrics);
  const stock = createStockStore({ events: publisherAt(clock), clock });
  const holds = createHoldStore({ events: publisherAt(clock), clock, holdMs: () => 1_200_000 });
  const payments = createPaymentStore({ events: publisherAt(clock), clock });
  const products = createProductStore({ events: publisherAt(clock), clock });
  const paymentDb = dbOf('payment');
  const sandbox = createSandboxProvider(paymentDb, clock);
  const worker = createProviderWorker(host, {
    db: paymentDb,
    payments,
    providerOf: () => sandbox,
    metrics: createPaymentMetrics(host.metrics),
    timeoutMs: 5000,
    callsConcurrentMax: 10,
    retryMs: () => retryMs,
  });
  const sweeper = createSweeper(host, {
    db: dbOf('order'),
    orders,
    metrics,
    everyMs: 1000,
    stuckAfterMs: 60_000,
  });

  const carts = createCartStore(clock);
  const tables: Record<Reactor, Reactions<EventMap>> = {
    cart: cartReactions({
      carts,
      takings: createOrderTakings(carts, clock, () => true),
      products: createCartProducts(dbOf('cart')),
      stock: createStockReplica(dbOf('cart')),
    }),
    inventory: inventoryReactions({
      ...{ ...host, stock, holds, unknownProductWaitMs: 0 },
      counted: createInventoryMetrics(host.metrics),
      waiting: createBackInStockStore({ events: publisherAt(clock), clock }),
      products: createProductsForSale(dbOf('inventory')),
    }),
    notification: notificationReactions({
      notifications: createNotificationStore(publisherAt(clock), clock),
      contacts: contactStore,
      products: createProductNames(dbOf('notification')),
      onRecorded: () => {},
    }),
    order: {
      ...catalogueReactions(createProductReplica(dbOf('order'))),
      ...sagaReactions({ ...host, orders, metrics }),
    },
    payment: paymentReactions(payments, clock, () => 'sandbox'),
    product: productReactions(products),
    review: reviewReactions(createShopFacts()),
    search: searchReactions(createDocumentStore()),
    recommendation: recommendationReactions(
      createCatalogueStore(dbOf('recommendation'), { nowMs: clock.nowMs, recentMs: 30 * 86_400_000 }),
    ),
  };
  return { orders, stock, payments, products, worker, sweeper, tables };
};

type Message = Pick<Fact, 'topic' | 'key' | 'headers'> & { value: Buffer };

const factOf = ({ topic, key, headers, value }: Message): Fact => ({
  ...{ topic, key, headers },
  type: headers.type as EventType,
  datum: value,
});

/** Collects the messages that a service has appended since the last call, as its relay would send them. */
const createCollector = (dbOf: DbOf) => {
  const collected = new Map<Reactor, string>();
  return async (service: Reactor): Promise<Fact[]> => {
    if (!migrationsOf[service].includes('outbox')) return [];
    const { rows } = await dbOf(service).query<Message & { seq: string }>(
      'SELECT seq::text, topic, key, value, headers FROM outbox o WHERE o.seq > $1 ORDER BY o.seq',
      [collected.get(service) ?? '0'],
    );
    const last = rows.at(-1);
    if (last) collected.set(service, last.seq);
    return rows.map(factOf);
  };
};

const receivedOf = (fact: Fact): ReceivedEvent => ({
  type: fact.type,
  value: avroType(records[fact.type].schema).fromBuffer(fact.datum),
  key: fact.key,
  eventId: fact.headers[headerNames.eventId] as string,
  correlationId: fact.key,
  causationId: undefined,
  traceparent: undefined,
  occurredAt: Number(fact.headers[headerNames.occurredAt]),
  topic: fact.topic,
  partition: 0,
  offset: 0n,
});

/** Lets a service react to an event, once, as its reactor would. */
const react = async (
  db: ScratchDatabase['db'],
  service: Reactor,
  reaction: Reaction<string, unknown>,
  fact: Fact,
): Promise<void> => {
  const event = receivedOf(fact);
  await withCorrelation({ correlationId: event.correlationId, causationId: event.eventId }, () =>
    inTransaction(db, async (tx) => {
      if ((await firstTime(tx, service, [event.eventId])).size > 0) await reaction(tx, event);
    }),
  );
};

/** With `retryMs`, the buyer of a declined payment may try again for so long. */
export const createChoreography = async (retryMs = 0): Promise<Choreography> => {
  const clock = handClock();
  const databases = await openDatabases();
  const dbOf: DbOf = (service) => databases[service].db;
  const { orders, stock, payments, products, worker, sweeper, tables } = createServices(clock, dbOf, retryMs);
  const collect = createCollector(dbOf);
  const log: Fact[] = [];

  const deliver = async (facts: readonly Fact[]): Promise<void> => {
    for (const fact of facts)
      for (const service of reactors) {
        const reaction = tables[service][fact.type] as Reaction<string, unknown> | undefined;
        if (reaction !== undefined) await react(dbOf(service), service, reaction, fact);
      }
  };

  return {
    clock,
    log,
    orders,
    stock,
    payments,
    products,
    db: dbOf,
    happens: async (type, key, value) => {
      const { event } = publisherAt<EventType>(clock);
      const fact = factOf(event(type, key, value, { occurredAt: clock.nowMs() }) as Message);
      log.push(fact);
      await deliver([fact]);
    },
    deliver,
    settle: async ({ beforeProvider } = {}) => {
      for (let round = 0; round < roundsMax; round += 1) {
        const facts: Fact[] = [];
        for (const service of reactors) facts.push(...(await collect(service)));
        log.push(...facts);
        await deliver(facts);
        await beforeProvider?.();
        if ((await worker.workOff()) + facts.length === 0) return;
      }
      throw new Error(`something is still going on after ${roundsMax} rounds`);
    },
    sweep: async () => {
      await sweeper.sweep();
    },
    snapshot: async () => {
      const all: Record<string, readonly string[]> = {};
      for (const service of reactors)
        for (const [table, rows] of await contentsOf(dbOf(service))) all[`${service}.${table}`] = rows;
      return all;
    },
    drop: async () => {
      await Promise.all(reactors.map((service) => databases[service].drop()));
    },
  };
};

/** Of the outbox only the number of messages, because it must not grow. */
const contentsOf = async (db: ScratchDatabase['db']): Promise<[string, string[]][]> => {
  const { rows: tables } = await db.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.tables
     WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
       AND table_name NOT IN ('inbox', 'outbox_active', 'outbox_position')
     ORDER BY 1`,
  );
  const contents: [string, string[]][] = [];
  for (const { name } of tables) {
    const { rows } = await db.query<{ row: string }>(
      `SELECT to_jsonb(t)::text AS row FROM "${name}" t ORDER BY 1`,
    );
    contents.push([
      name,
      name.startsWith('outbox_') ? [`${rows.length} messages`] : rows.map(({ row }) => row),
    ]);
  }
  return contents;
};

/** An order of a guest, or of `userId`, placed as the route places it. */
export const placeOrder = async (
  { db, clock, orders }: Choreography,
  {
    items,
    token = 'tok_ok',
    userId = null,
    paymentWaitMs = 900_000,
  }: {
    items: readonly { productId: string; quantity: number; unitPriceMinor: number }[];
    token?: string;
    userId?: string | null;
    paymentWaitMs?: number;
  },
): Promise<string> => {
  const orderId = newId(clock);
  await inTransaction(db('order'), (tx) =>
    orders.open(
      tx,
      {
        type: 'PlaceOrder',
        paymentWaitMs,
        draft: {
          orderId,
          userId,
          visitId: null,
          cartId: null,
          cartProof: null,
          lines: items.map((item) => ({ ...item, name: 'Lantern', category: 'home/lighting' })),
          currency: 'EUR',
          paymentMethod: 'card',
          shippingCountry: 'DE',
          occurredAt: clock.nowMs(),
        },
      },
      {
        email: userId === null ? 'ada@example.org' : null,
        paymentToken: token,
        guestTokenHash: userId === null ? Buffer.alloc(32) : null,
        shippingAddress: { name: 'Ada', line1: '1 Row', city: 'Bonn', postalCode: '53111', country: 'DE' },
      },
    ),
  );
  return orderId;
};

export const returnItems = async (
  { db, clock, orders }: Choreography,
  orderId: string,
  items: readonly { productId: string; quantity: number }[],
  reason = 'too bright',
): Promise<void> => {
  const outcome = await inTransaction(db('order'), (tx) =>
    orders.update(tx, orderId, {
      type: 'ReturnItems',
      returnId: newId(clock),
      items,
      reason,
      nowMs: clock.nowMs(),
    }),
  );
  if (outcome === null || 'refused' in outcome) throw new Error(`refused: ${JSON.stringify(outcome)}`);
};

/** Adds a product with stock; all services have it once the choreography has settled. */
export const newProduct = async (
  { db, products }: Choreography,
  priceMinor: number,
  initialStock: number,
): Promise<string> => {
  const { productId } = await inTransaction(db('product'), (tx) =>
    products.create(tx, {
      name: `Lantern ${randomUUID()}`,
      description: '',
      category: 'home/lighting',
      priceMinor,
      currency: 'EUR',
      brand: null,
      tags: [],
      attributes: {},
      images: [],
      groupId: null,
      ageRestricted: false,
      active: true,
      featured: false,
      initialStock,
    }),
  );
  return productId;
};

export const orderViewOf = async ({ db }: Choreography, orderId: string): Promise<OrderView | undefined> =>
  (await findOrders(db('order'), [orderId])).get(orderId);

export const unsettledOrders = ({ db }: Choreography): Promise<UnsettledOrder[]> =>
  listUnsettled(db('order'), { quietSinceMs: undefined }, { afterOrderId: undefined, rowsMax: 10 });

/** What the ledger that analytics sum says of the order. */
export const salesSumOf = ({ log }: Choreography, orderId: string): { pieces: number; minor: number } =>
  log
    .filter(({ type, key }) => type === 'Sale' && key === orderId)
    .map(({ datum }) => avroType(records.Sale.schema).fromBuffer(datum) as Sale)
    .reduce((sum, row) => ({ pieces: sum.pieces + row.quantity, minor: sum.minor + row.amount_minor }), {
      pieces: 0,
      minor: 0,
    });
