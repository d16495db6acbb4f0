const day = 24 * 60 * 60 * 1000;

type Topic = {
  topic: string;
  /** The key of its records. Records of one key stay in order. */
  key: string;
  partitions: number;
  /** How long Kafka keeps a record; null is for ever. */
  retentionMs: number | null;
  /**
   * True for a topic that only ever has one record type. Its schema is registered as `<topic>-value`, as standard tools
   * expect.
   */
  single?: true;
};

/** Every topic with its settings. The schemas in the folder of the same name are its records. */
export const topics = {
  orders: { topic: 'orders', key: 'orderId', partitions: 6, retentionMs: null },
  inventory: {
    topic: 'inventory',
    key: 'orderId, or productId of an adjustment',
    partitions: 6,
    retentionMs: null,
  },
  /** Contains the providers' tokens, so it is kept no longer than an order may wait for its payment. */
  paymentInstructions: { topic: 'payment-instructions', key: 'orderId', partitions: 6, retentionMs: day },
  payments: { topic: 'payments', key: 'orderId', partitions: 6, retentionMs: null },
  users: { topic: 'users', key: 'userId, or keyId of an API key', partitions: 3, retentionMs: null },
  /** Contains addresses and single-use tokens; long enough for a reader that is away over a weekend. */
  userContacts: {
    topic: 'user-contacts',
    key: 'userId, or orderId of a guest',
    partitions: 3,
    retentionMs: 7 * day,
  },
  products: { topic: 'products', key: 'productId, or categoryId', partitions: 3, retentionMs: null },
  notifications: { topic: 'notifications', key: 'notificationId', partitions: 3, retentionMs: null },
  config: { topic: 'config', key: 'key of the setting', partitions: 3, retentionMs: null },
  reviews: { topic: 'reviews', key: 'reviewId, or productId', partitions: 3, retentionMs: null },
  shopperActivity: {
    topic: 'shopper-activity',
    key: 'visit_id',
    partitions: 6,
    retentionMs: 30 * day,
    single: true,
  },
  sales: { topic: 'sales', key: 'order_id', partitions: 6, retentionMs: null, single: true },
  visits: { topic: 'visits', key: 'visit_id', partitions: 3, retentionMs: 30 * day, single: true },
  stockOuts: { topic: 'stock-outs', key: 'order_id', partitions: 1, retentionMs: 30 * day, single: true },
  fraudSignals: {
    topic: 'fraud-signals',
    key: 'signal_id',
    partitions: 1,
    retentionMs: 30 * day,
    single: true,
  },
  productPerformance: {
    topic: 'product-performance',
    key: 'product_id',
    partitions: 3,
    retentionMs: 30 * day,
    single: true,
  },
  /** Contains the words that shoppers typed, as `shopper-activity` does. */
  searches: { topic: 'searches', key: 'visit_id', partitions: 3, retentionMs: 30 * day, single: true },
} as const satisfies Record<string, Topic>;

/**
 * A header of `shopper-activity`: for how many visits' reports a record is one, if more than 1: the visits in the request
 * that it came with, and more where the same sender had reported its product before. A reader that learns from shoppers'
 * actions divides by it, so that such a request counts as one visit. The log does not contain the sender.
 */
export const visitsTogetherHeader = 'visits-together';

/** The dead-letter topic of each topic: one partition, 30 days, and no longer than its topic is kept. */
export const deadLetterTopics = Object.values(topics).map(({ topic, retentionMs }) => ({
  topic: `${topic}.dead-letter`,
  partitions: 1,
  retentionMs: Math.min(30 * day, retentionMs ?? Number.POSITIVE_INFINITY),
}));
