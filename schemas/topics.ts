import { type EventType, records } from './events.js';

const day = 24 * 60 * 60 * 1000;

type Topic = {
  topic: string;
  /** The event field whose value is the record's key, and so decides order and placement. */
  key: string;
  partitions: number;
  /** How long Kafka keeps a record; null is for ever. */
  retentionMs: number | null;
};

/** Every topic with its own settings. Which records are on it is said by the folder their schema lies in. */
export const topics = {
  orders: { topic: 'orders', key: 'orderId', partitions: 6, retentionMs: null },
  inventory: { topic: 'inventory', key: 'orderId', partitions: 6, retentionMs: null },
  payments: { topic: 'payments', key: 'orderId', partitions: 6, retentionMs: null },
  users: { topic: 'users', key: 'userId', partitions: 3, retentionMs: null },
  products: { topic: 'products', key: 'productId', partitions: 3, retentionMs: null },
  shopperActivity: { topic: 'shopper-activity', key: 'visit_id', partitions: 6, retentionMs: 30 * day },
  sales: { topic: 'sales', key: 'order_id', partitions: 6, retentionMs: null },
} as const satisfies Record<string, Topic>;

/** The dead-letter topic of each topic: one partition, 30 days. */
export const deadLetterTopics = Object.values(topics).map(({ topic }) => ({
  topic: `${topic}.dead-letter`,
  partitions: 1,
  retentionMs: 30 * day,
}));

/** The records that may appear on `topic`, with the subject they are registered under. */
export const recordsOf = (topic: string) =>
  (Object.keys(records) as EventType[])
    .filter((name) => records[name].topic === topic)
    .map((name) => ({ name, ...records[name] }));
