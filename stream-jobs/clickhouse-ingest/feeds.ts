import { records } from '#schemas/events';
import { type Repeats, repeatsOn } from '#schemas/repeats';
import { topics } from '#schemas/topics';

/** A topic, the table that it fills, and the properties of its records. */
export type Feed = RowFeed | EventFeed;

/** Each field of a record is a column of its row. */
export type RowFeed = AnyFeed & {
  keepsEvents: false;
  /** Records of these types become rows. Others are skipped, or are poison if the topic has only one type. */
  events: readonly { schema: object }[];
  onlyThese: boolean;
};

/** Rows are whole events of any type as JSON, in a table that has a topic column. */
export type EventFeed = AnyFeed & { keepsEvents: true };

type AnyFeed = {
  topic: string;
  table: string;
  /** Which records may be on the topic twice, at different offsets; null if none may. */
  repeats: RepeatWindow | null;
  /** True if rows are never replaced, so that they can be counted by their Kafka offsets. */
  appendOnly: boolean;
  /** Tables with sums of this one; each has a view `<rollup>_difference`, by which it is corrected. */
  rollups: readonly string[];
  /** How long a block waits for more records before it closes, if ClickHouse is fast. */
  blockWaitMs: number;
};

/** The topic's name in the claims: two tables that have the same topic each have claims of their own. */
export const claimedAs = ({ topic, table, keepsEvents }: Pick<Feed, 'topic' | 'table' | 'keepsEvents'>) =>
  keepsEvents ? `${table}/${topic}` : topic;

/** A record is a repeat when its event id, its first field, is among the last ones of its partition. */
export type RepeatWindow = Pick<Repeats, 'among' | 'idsMax' | 'recordsMax'>;

/** Rows of stream-jobs/windows. */
const windowFeed = (
  topic: string,
  table: string,
  event: { schema: object },
  { appendOnly }: { appendOnly: boolean },
): RowFeed => ({
  topic,
  table,
  keepsEvents: false,
  events: [event],
  onlyThese: true,
  repeats: repeatsOn(topic),
  appendOnly,
  rollups: [],
  blockWaitMs: 500,
});

/**
 * A topic whose events are kept as they are, in `domain_events`. These topics contain ids, never a name, an address or a
 * token, and so does the table. `payment-instructions` and `user-contacts` contain those and must never be fed. `config` and
 * `notifications` are not fed because no question is about them.
 */
const eventFeed = ({ topic }: { topic: string }): EventFeed => ({
  topic,
  table: 'domain_events',
  keepsEvents: true,
  repeats: repeatsOn(topic),
  appendOnly: true,
  rollups: [],
  // Nobody waits for them, and so several topics' events of some seconds are one insert.
  blockWaitMs: 2_000,
});

export const feeds: readonly Feed[] = [
  {
    topic: topics.shopperActivity.topic,
    table: 'shopper_activity',
    keepsEvents: false,
    events: [records.ShopperActivity],
    onlyThese: true,
    repeats: repeatsOn(topics.shopperActivity.topic),
    appendOnly: true,
    rollups: ['shopper_activity_per_minute'],
    blockWaitMs: 400,
  },
  {
    topic: topics.sales.topic,
    table: 'sales',
    keepsEvents: false,
    events: [records.Sale],
    onlyThese: true,
    repeats: repeatsOn(topics.sales.topic),
    appendOnly: true,
    rollups: ['sales_rollup'],
    blockWaitMs: 400,
  },
  {
    topic: topics.products.topic,
    table: 'products',
    keepsEvents: false,
    events: [records.ProductCreated, records.ProductUpdated],
    onlyThese: false,
    repeats: null,
    appendOnly: false,
    rollups: [],
    blockWaitMs: 250,
  },
  windowFeed(topics.visits.topic, 'visits', records.Visit, { appendOnly: true }),
  windowFeed(topics.searches.topic, 'searches', records.Search, { appendOnly: true }),
  windowFeed(topics.productPerformance.topic, 'product_performance', records.ProductPerformance, {
    appendOnly: true,
  }),
  windowFeed(topics.stockOuts.topic, 'stock_outs', records.StockOut, { appendOnly: false }),
  windowFeed(topics.fraudSignals.topic, 'fraud_signals', records.FraudSignal, { appendOnly: false }),
  ...[topics.orders, topics.inventory, topics.payments, topics.users, topics.products, topics.reviews].map(
    eventFeed,
  ),
];
