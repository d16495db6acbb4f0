import { records } from '#schemas/events';
import { topics } from '#schemas/topics';

/** A topic and the table it fills, and what may be assumed of its records. */
export type Feed = {
  topic: string;
  table: string;
  /** Records that become rows; others on the topic are passed over, or poison where the topic has one type only. */
  events: readonly { schema: object }[];
  onlyThese: boolean;
  /** Which records may come twice, at different offsets; null where none may. */
  repeats: RepeatWindow | null;
  /** True where a row stays as it was inserted, and rows can be counted by their Kafka offsets. */
  appendOnly: boolean;
  /** Tables summed from this one while it is filled; each has a view `<rollup>_difference` to mend it by. */
  rollups: readonly string[];
  /** How long a record waits for company before its block is closed, where ClickHouse is quick. */
  blockWaitMs: number;
};

/** A record is a repeat when its event id, its first field, is among the last ones of its partition. */
export type RepeatWindow = {
  /**
   * `all`: an outbox relay writes here, and sends a batch again after a crash. `named`: the ids to look at are those
   * that a client named its event by; a UUIDv7, which the collector makes up for every other one, is new each time.
   */
  among: 'all' | 'named';
  /** How many ids are remembered. */
  idsMax: number;
  /** After a start, ids are remembered of so many records before the first one read. */
  recordsMax: number;
};

export const feeds: readonly Feed[] = [
  {
    topic: topics.shopperActivity.topic,
    table: 'shopper_activity',
    events: [records.ShopperActivity],
    onlyThese: true,
    repeats: { among: 'named', idsMax: 20_000, recordsMax: 200_000 },
    appendOnly: true,
    rollups: ['shopper_activity_per_minute'],
    blockWaitMs: 750,
  },
  {
    topic: topics.sales.topic,
    table: 'sales',
    events: [records.Sale],
    onlyThese: true,
    // A relay may send a batch several times over, so a repeat is at most some batches (`relayBatchMax`) behind.
    repeats: { among: 'all', idsMax: 4_000, recordsMax: 4_000 },
    appendOnly: true,
    rollups: ['sales_per_minute', 'sales_per_hour', 'sales_per_day'],
    blockWaitMs: 300,
  },
  {
    topic: topics.products.topic,
    table: 'products',
    events: [records.ProductCreated],
    onlyThese: false,
    repeats: null,
    appendOnly: false,
    rollups: [],
    blockWaitMs: 250,
  },
];
