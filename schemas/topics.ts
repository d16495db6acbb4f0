const day = 24 * 60 * 60 * 1000;

type Topic = {
  topic: string;
  /** What its records are keyed by, and so ordered by. */
  key: string;
  partitions: number;
  /** How long Kafka keeps a record; null is for ever. */
  retentionMs: number | null;
  /** One record type for ever: registered as `<topic>-value`, and so readable by stock tools as it is. */
  single?: true;
};

/** Every topic with its own settings. Which records are on it is said by the folder their schema lies in. */
export const topics = {
  orders: { topic: 'orders', key: 'orderId', partitions: 6, retentionMs: null },
  inventory: {
    topic: 'inventory',
    key: 'orderId, or productId of an adjustment',
    partitions: 6,
    retentionMs: null,
  },
  /** Holds the providers' tokens: kept no longer than an order may wait for its payment. */
  paymentInstructions: { topic: 'payment-instructions', key: 'orderId', partitions: 6, retentionMs: day },
  payments: { topic: 'payments', key: 'orderId', partitions: 6, retentionMs: null },
  users: { topic: 'users', key: 'userId', partitions: 3, retentionMs: null },
  products: { topic: 'products', key: 'productId', partitions: 3, retentionMs: null },
  shopperActivity: {
    topic: 'shopper-activity',
    key: 'visit_id',
    partitions: 6,
    retentionMs: 30 * day,
    single: true,
  },
  sales: { topic: 'sales', key: 'order_id', partitions: 6, retentionMs: null, single: true },
} as const satisfies Record<string, Topic>;

/**
 * A header of `shopper-activity`, where it is more than 1: how many visits the request tells of that a record came with.
 * Whoever learns from what shoppers do counts such a request as one visit; nothing on the log says who sent it.
 */
export const visitsTogetherHeader = 'visits-together';

/** The dead-letter topic of each topic: one partition, 30 days, and no longer than its topic is kept. */
export const deadLetterTopics = Object.values(topics).map(({ topic, retentionMs }) => ({
  topic: `${topic}.dead-letter`,
  partitions: 1,
  retentionMs: Math.min(30 * day, retentionMs ?? Number.POSITIVE_INFINITY),
}));
