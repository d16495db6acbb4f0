import { currencies } from './currency.js';
import { devices } from './devices.js';
import { itemsMax } from './order-bounds.js';
import { paymentMethods } from './payment-methods.js';
import { shopperActions } from './shopper-actions.js';

/**
 * Rules for the values of records that Avro cannot express. Avro's schema says that a field is text or a whole number;
 * the rules here say that `kind` is `sale` or `refund`, and that a refund is negative. Readers check them. A record
 * that breaks a rule is poison: it goes to the dead-letter topic with the reason, and no reader counts it.
 */
export type ValueRule =
  /** Text that is one of these. */
  | { oneOf: readonly string[] }
  /** Text that is one of these, which all have three ASCII characters; `what` names them for people. */
  | { codes: readonly string[]; what: string }
  /** Text of at least this many bytes. */
  | { bytesMin: number }
  /** Text that `isOne` takes; `form` names it for people. Slower than the others: not for what shoppers do. */
  | { isOne(text: string): boolean; form: string }
  /** A whole number from `min` to `max`, both included. */
  | { min: number; max: number };

/** Rules by the name of the field. They allow null where the schema does. */
export type FieldRules = Readonly<Record<string, ValueRule>>;

/** Of a record, or of each item of a list. Rows of ClickHouse have no lists: their rules are checked without decoding. */
type ItemRules = {
  fields: FieldRules;
  /** A list has at most `itemsMax` items, any number if unset. */
  lists?: Readonly<Record<string, ItemRules & { itemsMax?: number }>>;
};

export type RecordRules = ItemRules & {
  /** Further rules by the value of the text field `by`, which has to be one of those listed. */
  cases?: { by: string; of: Readonly<Record<string, FieldRules>> };
};

const named: ValueRule = { bytesMin: 1 };
const currency: ValueRule = { codes: currencies, what: 'currency of ISO 4217' };
/** Beyond 2^53 sums are no longer exact. */
const amountMax = Number.MAX_SAFE_INTEGER;
const int32Max = 2 ** 31 - 1;
/** 1970 to 2100, because the rollups use ClickHouse's `DateTime`, which ends in 2106. */
const instant: ValueRule = { min: 0, max: Date.parse('2100-01-01T00:00:00Z') - 1 };

const version: ValueRule = { min: 1, max: int32Max };
const pieces: ValueRule = { min: 1, max: int32Max };
const count: ValueRule = { min: 0, max: int32Max };
const amount: ValueRule = { min: 0, max: amountMax };

const isScalar = (value: unknown): boolean =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';

const isAttributes = (json: string): boolean => {
  try {
    const value: unknown = JSON.parse(json);
    return (
      typeof value === 'object' &&
      value !== null &&
      !Array.isArray(value) &&
      Object.values(value).every(isScalar)
    );
  } catch {
    return false;
  }
};

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const product: FieldRules = {
  productId: named,
  version,
  currency,
  priceMinor: amount,
  attributes: { isOne: isAttributes, form: 'JSON object of texts, numbers and booleans' },
  groupId: { isOne: (text) => uuidPattern.test(text), form: 'UUID' },
  createdAt: instant,
  occurredAt: instant,
};

const soldLine: FieldRules = { quantity: pieces, unitPriceMinor: amount };

const payment: RecordRules = { fields: { amountMinor: amount, currency, occurredAt: instant } };

const stockOfOrder: RecordRules = {
  fields: { occurredAt: instant },
  lists: {
    lines: {
      itemsMax,
      fields: { quantity: pieces, available: count, stockVersion: { min: 1, max: amountMax } },
    },
  },
};

/** Rules by the name of the record. A record that is not listed has no rules besides its schema. */
export const valueRules: Readonly<Record<string, RecordRules>> = {
  Sale: {
    fields: {
      event_id: named,
      order_id: named,
      product_id: named,
      line: { min: 0, max: int32Max },
      currency,
      occurred_at: instant,
    },
    cases: {
      by: 'kind',
      of: {
        sale: { quantity: { min: 1, max: int32Max }, amount_minor: { min: 0, max: amountMax } },
        refund: { quantity: { min: -int32Max, max: 0 }, amount_minor: { min: -amountMax, max: 0 } },
      },
    },
  },
  ShopperActivity: {
    fields: {
      event_id: named,
      type: { oneOf: shopperActions },
      visit_id: named,
      position: { min: 0, max: int32Max },
      results: { min: 0, max: int32Max },
      device: { oneOf: devices },
      occurred_at: instant,
    },
  },
  Visit: {
    fields: {
      event_id: named,
      visit_id: named,
      started_at: instant,
      device: { oneOf: devices },
      occurred_at: instant,
    },
  },
  StockOut: {
    fields: { event_id: named, order_id: named, product_id: named, currency, occurred_at: instant },
  },
  FraudSignal: {
    fields: { event_id: named, signal_id: named, buyer: named, currency, occurred_at: instant },
  },
  ProductPerformance: {
    fields: { event_id: named, product_id: named, currency, from_at: instant, occurred_at: instant },
  },
  Search: {
    fields: {
      event_id: named,
      visit_id: named,
      viewed_at: instant,
      added_at: instant,
      results: { min: 0, max: int32Max },
      occurred_at: instant,
    },
  },
  OrderPlaced: {
    fields: { version, totalMinor: amount, currency, occurredAt: instant },
    lists: { lines: { itemsMax, fields: soldLine } },
  },
  OrderConfirmed: {
    fields: { version, totalMinor: amount, currency, occurredAt: instant },
    lists: { lines: { itemsMax, fields: soldLine } },
  },
  OrderReturned: {
    fields: { version, refundMinor: amount, currency, occurredAt: instant },
    lists: { lines: { itemsMax, fields: soldLine } },
  },
  OrderCancelled: { fields: { version, occurredAt: instant } },
  OrderStepsAsked: {
    fields: { occurredAt: instant },
    lists: {
      lines: { itemsMax, fields: { quantity: pieces } },
      returns: {
        fields: { refundMinor: amount },
        lists: { lines: { itemsMax, fields: { quantity: pieces } } },
      },
    },
  },
  // Whoever does not know a method cannot be paid by it.
  PaymentInstructed: { fields: { ...payment.fields, method: { oneOf: paymentMethods } } },
  PaymentAuthorized: payment,
  PaymentDeclined: { fields: { ...payment.fields, retryUntil: instant } },
  PaymentCaptured: payment,
  PaymentFailed: payment,
  PaymentVoided: payment,
  PaymentRefunded: payment,
  RefundFailed: payment,
  StockReserved: { ...stockOfOrder, fields: { expiresAt: instant, occurredAt: instant } },
  StockReleased: stockOfOrder,
  StockCommitted: stockOfOrder,
  StockReturned: stockOfOrder,
  StockRejected: {
    fields: { occurredAt: instant },
    lists: { lines: { itemsMax, fields: { requested: pieces, available: count } } },
  },
  StockAdjusted: {
    fields: {
      onHand: count,
      available: count,
      stockVersion: { min: 1, max: amountMax },
      occurredAt: instant,
    },
  },
  ProductCreated: { fields: { ...product, initialStock: count } },
  ProductUpdated: { fields: product },
  ProductRated: {
    fields: { productId: named, count: { min: 0, max: int32Max }, sum: { min: 0, max: amountMax } },
  },
};

/** A text that says which rule a decoded value of record `name` breaks; undefined if it breaks none. */
export const brokenRule = (name: string, value: object): string | undefined => {
  const rules = valueRules[name];
  if (rules === undefined) return undefined;
  const given = value as Readonly<Record<string, unknown>>;
  const broken = firstBroken(rules, given);
  if (broken !== undefined || rules.cases === undefined) return broken;
  const { by, of } = rules.cases;
  const choice = String(given[by]);
  if (!Object.hasOwn(of, choice)) return wordsOf(by, given[by], { oneOf: Object.keys(of) });
  return firstBroken({ fields: of[choice] as FieldRules }, given);
};

const firstBroken = (
  { fields, lists = {} }: ItemRules,
  value: Readonly<Record<string, unknown>>,
  place = '',
): string | undefined => {
  for (const field in fields) {
    const rule = fields[field] as ValueRule;
    const given = value[field];
    if (given !== null && given !== undefined && !holds(rule, given))
      return wordsOf(`${place}${field}`, given, rule);
  }
  for (const list in lists) {
    const rules = lists[list] as ItemRules & { itemsMax?: number };
    const items = (value[list] ?? []) as readonly Readonly<Record<string, unknown>>[];
    const { itemsMax: most = Number.POSITIVE_INFINITY } = rules;
    if (items.length > most) return `${place}${list} has ${items.length} items, which are more than ${most}`;
    for (const item of items) {
      const broken = firstBroken(rules, item, `${place}${list}.`);
      if (broken !== undefined) return broken;
    }
  }
  return undefined;
};

const holds = (rule: ValueRule, given: unknown): boolean => {
  if ('oneOf' in rule) return rule.oneOf.includes(given as string);
  if ('codes' in rule) return rule.codes.includes(given as string);
  if ('isOne' in rule) return rule.isOne(String(given));
  if ('bytesMin' in rule) return Buffer.byteLength(String(given)) >= rule.bytesMin;
  return Number(given) >= rule.min && Number(given) <= rule.max;
};

const shownCharsMax = 40;

const wordsOf = (field: string, given: unknown, rule: ValueRule): string => {
  const shown = typeof given === 'string' ? JSON.stringify(given.slice(0, shownCharsMax)) : String(given);
  if ('oneOf' in rule) return `${field} is ${shown}, which is none of ${rule.oneOf.join(', ')}`;
  if ('codes' in rule) return `${field} is ${shown}, which is no ${rule.what}`;
  if ('isOne' in rule) return `${field} is ${shown}, which is no ${rule.form}`;
  if ('bytesMin' in rule) return `${field} is ${shown}, which is shorter than ${rule.bytesMin} byte(s)`;
  return `${field} is ${shown}, which is not between ${rule.min} and ${rule.max}`;
};
