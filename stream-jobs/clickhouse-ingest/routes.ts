import { records } from '#schemas/events';
import { topics } from '#schemas/topics';

/** Which topic goes into which table, and what may be assumed of its records. */
export type Route = {
  topic: string;
  table: string;
  /** Records that become rows; others on the topic are passed over, or poison where the topic has one type only. */
  events: readonly { schema: object }[];
  onlyThese: boolean;
  /**
   * True where an outbox relay writes: after a crash it sends a batch again, so a record may be there twice, a
   * bounded distance apart. The first field of the record is then its event id.
   */
  mayRepeat: boolean;
  /** True where a row stays as it was inserted, and rows can be counted by their Kafka offsets. */
  appendOnly: boolean;
  /** How long a record waits for company before its block is closed, where ClickHouse is quick. */
  blockWaitMs: number;
};

export const routes: readonly Route[] = [
  {
    topic: topics.shopperActivity.topic,
    table: 'shopper_activity',
    events: [records.ShopperActivity],
    onlyThese: true,
    mayRepeat: false,
    appendOnly: true,
    blockWaitMs: 750,
  },
  {
    topic: topics.sales.topic,
    table: 'sales',
    events: [records.Sale],
    onlyThese: true,
    mayRepeat: true,
    appendOnly: true,
    blockWaitMs: 300,
  },
  {
    topic: topics.products.topic,
    table: 'products',
    events: [records.ProductCreated],
    onlyThese: false,
    mayRepeat: false,
    appendOnly: false,
    blockWaitMs: 250,
  },
];
