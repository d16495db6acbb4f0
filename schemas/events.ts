// Generated from the .avsc files by `npm run generate`; do not edit.

/** The order ended without a sale, or its sale was undone because its money could not be taken. Whoever holds stock or money for it gives it back. */
export type OrderCancelled = {
  /** UUIDv7 of the order; also the id of its saga and the record's key. */
  orderId: string;
  /** Counts the order's own events from 1 without gaps: a consumer that meets a repeat ignores it. */
  version: number;
  /** The buyer's account; null for a guest. */
  userId: null | string;
  /** out_of_stock, payment_declined, payment_unavailable, payment_failed or timed_out. */
  reason: string;
  /** When the fact became true at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** What was sold. */
export type OrderConfirmedLine = {
  /** UUIDv7 of the product. */
  productId: string;
  /** Pieces, at least 1. */
  quantity: number;
  /** Price of one piece in minor units. */
  unitPriceMinor: number;
};

/** Stock is held and the money is guaranteed: the sale is made. Capture and commit follow. */
export type OrderConfirmed = {
  /** UUIDv7 of the order; also the id of its saga and the record's key. */
  orderId: string;
  /** Counts the order's own events from 1 without gaps: a consumer that meets a repeat ignores it. */
  version: number;
  /** The buyer's account; null for a guest. */
  userId: null | string;
  /** The authorised payment that is now to be captured. */
  paymentId: string;
  /** What was sold. */
  lines: readonly OrderConfirmedLine[];
  /** The amount to capture, in minor units. */
  totalMinor: number;
  /** ISO 4217 code of every amount in this event. */
  currency: string;
  /** When the fact became true at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** One entry a product; a product appears once. */
export type OrderPlacedLine = {
  /** UUIDv7 of the product. */
  productId: string;
  /** The product's name when the order was placed. */
  name: string;
  /** The product's category path then. */
  category: string;
  /** Pieces, at least 1. */
  quantity: number;
  /** Price of one piece in minor units when the order was placed. */
  unitPriceMinor: number;
};

/** A shopper has placed an order. Nothing is held and nothing is paid yet. */
export type OrderPlaced = {
  /** UUIDv7 of the order; also the id of its saga and the record's key. */
  orderId: string;
  /** Counts the order's own events from 1 without gaps: a consumer that meets a repeat ignores it. */
  version: number;
  /** The buyer's account; null for a guest. No name, address or e-mail travels on the log. */
  userId: null | string;
  /** The visit the order came from, where the shop knew it. */
  visitId: null | string;
  /** One entry a product; a product appears once. */
  lines: readonly OrderPlacedLine[];
  /** Sum of quantity times unit price over the lines, in minor units. */
  totalMinor: number;
  /** ISO 4217 code of every amount in this event. */
  currency: string;
  /** card, paypal or crypto; a string because an Avro enum could never grow. */
  paymentMethod: string;
  /** Always empty. The token travels on payment-instructions, which is kept for a day; a field without a default cannot be removed. */
  paymentToken: string;
  /** ISO 3166-1 alpha-2 country of the delivery; the address itself stays in the order service. */
  shippingCountry: string;
  /** When the fact became true at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** What came back. */
export type OrderReturnedLine = {
  /** UUIDv7 of the product. */
  productId: string;
  /** Pieces, at least 1. */
  quantity: number;
  /** What was paid for one piece, in minor units. */
  unitPriceMinor: number;
};

/** Goods of a confirmed order came back; their stock returns and their money is refunded. */
export type OrderReturned = {
  /** UUIDv7 of the order; also the id of its saga and the record's key. */
  orderId: string;
  /** Counts the order's own events from 1 without gaps: a consumer that meets a repeat ignores it. */
  version: number;
  /** UUIDv7 of this return: the idempotency key of its refund and its restocking. */
  returnId: string;
  /** The buyer's account; null for a guest. */
  userId: null | string;
  /** What came back. */
  lines: readonly OrderReturnedLine[];
  /** Sum of quantity times unit price over the lines, in minor units. */
  refundMinor: number;
  /** ISO 4217 code of every amount in this event. */
  currency: string;
  /** True when nothing of the order is left with the customer. */
  isFull: boolean;
  /** Always empty: what a customer typed stays in the order service. A field without a default cannot be removed. */
  reason: string;
  /** When the fact became true at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** The provider guarantees the money for an order; it is not taken yet. */
export type PaymentAuthorized = {
  /** UUIDv7 of the order; also the id of its saga and the record's key. */
  orderId: string;
  /** UUIDv7 of the payment. */
  paymentId: string;
  /** Amount in minor units. */
  amountMinor: number;
  /** ISO 4217 code of every amount in this event. */
  currency: string;
  /** card, paypal or crypto. */
  method: string;
  /** When the fact became true at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** The money of a confirmed order was taken. */
export type PaymentCaptured = {
  /** UUIDv7 of the order; also the id of its saga and the record's key. */
  orderId: string;
  /** UUIDv7 of the payment. */
  paymentId: string;
  /** Amount in minor units. */
  amountMinor: number;
  /** ISO 4217 code of every amount in this event. */
  currency: string;
  /** card, paypal or crypto. */
  method: string;
  /** When the fact became true at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** The provider refused the payment. */
export type PaymentDeclined = {
  /** UUIDv7 of the order; also the id of its saga and the record's key. */
  orderId: string;
  /** UUIDv7 of the payment. */
  paymentId: string;
  /** Amount in minor units. */
  amountMinor: number;
  /** ISO 4217 code of every amount in this event. */
  currency: string;
  /** card, paypal or crypto. */
  method: string;
  /** The provider's reason: declined, insufficient_funds, … */
  reason: string;
  /** When the fact became true at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** The money of a confirmed order was not taken and will not be: the provider refused the capture for good, and the authorisation could not be renewed. The order is cancelled. */
export type PaymentFailed = {
  /** UUIDv7 of the order; also the id of its saga and the record's key. */
  orderId: string;
  /** UUIDv7 of the payment. */
  paymentId: string;
  /** Amount in minor units. */
  amountMinor: number;
  /** ISO 4217 code of every amount in this event. */
  currency: string;
  /** card, paypal or crypto. */
  method: string;
  /** The provider's reason: authorization_expired, authorization_voided, … */
  reason: string;
  /** When the fact became true at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** How the buyer of an order wants to pay, for the payment service alone. Written with OrderPlaced, and kept for a day: what a provider's token may do is no fact for ever. */
export type PaymentInstructed = {
  /** UUIDv7 of the order; also the id of its saga and the record's key. */
  orderId: string;
  /** The buyer's account; null for a guest. */
  userId: null | string;
  /** The order's total in minor units. */
  amountMinor: number;
  /** ISO 4217 code of the amount. */
  currency: string;
  /** card, paypal or crypto. */
  method: string;
  /** The provider's single-use token for this payment. */
  token: string;
  /** When the order was placed, epoch milliseconds UTC. */
  occurredAt: number;
};

/** Captured money went back to the buyer. */
export type PaymentRefunded = {
  /** UUIDv7 of the order; also the id of its saga and the record's key. */
  orderId: string;
  /** UUIDv7 of the payment. */
  paymentId: string;
  /** The return this refund answers; its idempotency key. */
  refundId: string;
  /** Amount in minor units. */
  amountMinor: number;
  /** ISO 4217 code of every amount in this event. */
  currency: string;
  /** card, paypal or crypto. */
  method: string;
  /** When the fact became true at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** An authorisation was given back without taking the money: its order was cancelled. */
export type PaymentVoided = {
  /** UUIDv7 of the order; also the id of its saga and the record's key. */
  orderId: string;
  /** UUIDv7 of the payment. */
  paymentId: string;
  /** Amount in minor units. */
  amountMinor: number;
  /** ISO 4217 code of every amount in this event. */
  currency: string;
  /** card, paypal or crypto. */
  method: string;
  /** The order's cancellation reason. */
  reason: string;
  /** When the fact became true at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** A product entered the catalogue. */
export type ProductCreated = {
  /** UUIDv7 of the product. */
  productId: string;
  /** Counts the product's own events from 1 without gaps. */
  version: number;
  /** What the shopper reads. */
  name: string;
  /** Plain text; may be empty. */
  description: string;
  /** Path of the category, e.g. home/lighting. */
  category: string;
  /** Price of one piece in minor units. */
  priceMinor: number;
  /** ISO 4217 code of every amount in this event. */
  currency: string;
  /** Maker or label. */
  brand: null | string;
  /** Free words for search and recommendations. */
  tags: readonly string[];
  /** Products with the same group are variants of one. */
  groupId: null | string;
  /** False while the product must not be shown or sold. */
  active: boolean;
  /** Pieces on hand at the start; inventory opens its ledger with them. */
  initialStock: number;
  /** When the product was created, epoch milliseconds UTC. */
  createdAt: number;
  /** When the fact became true at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** The provider refused for good to give captured money back. It is still owed to the buyer: people have to pay it. */
export type RefundFailed = {
  /** UUIDv7 of the order; also the id of its saga and the record's key. */
  orderId: string;
  /** UUIDv7 of the payment. */
  paymentId: string;
  /** The return this refund answers; its idempotency key. */
  refundId: string;
  /** Amount in minor units. */
  amountMinor: number;
  /** ISO 4217 code of every amount in this event. */
  currency: string;
  /** card, paypal or crypto. */
  method: string;
  /** The provider's reason: account_closed, … */
  reason: string;
  /** When the fact became true at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** One order line when its order was confirmed, or a negative one when it was returned or its sale was undone: the ledger that analytics sum. */
export type Sale = {
  /** UUIDv7 of this record. */
  event_id: string;
  /** The order; the record's key. */
  order_id: string;
  /** Line of the order, from 0; a refund repeats the line it takes back. */
  line: number;
  /** The product sold. */
  product_id: string;
  /** The product's category path when it was sold. */
  category: string;
  /** The buyer's account; null for a guest. */
  user_id: null | string;
  /** Pieces; negative for a refund. */
  quantity: number;
  /** Line amount in minor units; negative for a refund. */
  amount_minor: number;
  /** ISO 4217 code. */
  currency: string;
  /** sale or refund. */
  kind: string;
  /** When the order was confirmed, the return accepted or the sale undone, epoch milliseconds UTC. */
  occurred_at: number;
};

/** One thing a shopper did or was shown. Flat, so that any stock tool reads the topic as it is. */
export type ShopperActivity = {
  /** UUIDv7 given by the collector. */
  event_id: string;
  /** product_viewed, product_added, product_removed, checkout_started, products_searched, recommendation_shown or recommendation_clicked. */
  type: string;
  /** The visit, chosen by the client; the record's key. */
  visit_id: string;
  /** The account, where the shopper is logged in. */
  user_id: null | string;
  /** The product viewed, added, removed, shown or clicked. */
  product_id: null | string;
  /** What was searched for. */
  query: null | string;
  /** Place in the list, from 0. */
  position: null | number;
  /** The answer of the recommendation API this belongs to. */
  recommendation_id: null | string;
  /** When the shopper did it, epoch milliseconds UTC. */
  occurred_at: number;
};

/** Somebody stated or restocked what is on hand. Keyed by product id. */
export type StockAdjusted = {
  /** UUIDv7 of the product. */
  productId: string;
  /** Pieces on hand after the adjustment. */
  onHand: number;
  /** On hand minus reserved, after the adjustment. */
  available: number;
  /** Change of on hand; negative for a loss. */
  delta: number;
  /** Counts the changes of this product's stock. */
  stockVersion: number;
  /** initial, restock, correction, or the operator's words. */
  reason: string;
  /** When the fact became true at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** What left. */
export type StockCommittedLine = {
  /** UUIDv7 of the product. */
  productId: string;
  /** Pieces, at least 1. */
  quantity: number;
  /** What can still be sold of this product after this change: on hand minus reserved. */
  available: number;
  /** Counts the changes of this product's stock; a reader keeps the line with the highest. */
  stockVersion: number;
};

/** A hold became a sale: the pieces have left the stock. */
export type StockCommitted = {
  /** UUIDv7 of the order; also the id of its saga and the record's key. */
  orderId: string;
  /** What left. */
  lines: readonly StockCommittedLine[];
  /** When the fact became true at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** The lines that fall short. */
export type StockRejectedLine = {
  /** UUIDv7 of the product. */
  productId: string;
  /** Pieces asked for. */
  requested: number;
  /** Pieces that could have been held. */
  available: number;
};

/** The order cannot be served from stock; nothing is held. */
export type StockRejected = {
  /** UUIDv7 of the order; also the id of its saga and the record's key. */
  orderId: string;
  /** The lines that fall short. */
  lines: readonly StockRejectedLine[];
  /** When the fact became true at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** What is free again. */
export type StockReleasedLine = {
  /** UUIDv7 of the product. */
  productId: string;
  /** Pieces, at least 1. */
  quantity: number;
  /** What can still be sold of this product after this change: on hand minus reserved. */
  available: number;
  /** Counts the changes of this product's stock; a reader keeps the line with the highest. */
  stockVersion: number;
};

/** An order was cancelled: the pieces it held, or had taken already, can be sold again. */
export type StockReleased = {
  /** UUIDv7 of the order; also the id of its saga and the record's key. */
  orderId: string;
  /** The order's cancellation reason. */
  reason: string;
  /** What is free again. */
  lines: readonly StockReleasedLine[];
  /** When the fact became true at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** What is held. */
export type StockReservedLine = {
  /** UUIDv7 of the product. */
  productId: string;
  /** Pieces, at least 1. */
  quantity: number;
  /** What can still be sold of this product after this change: on hand minus reserved. */
  available: number;
  /** Counts the changes of this product's stock; a reader keeps the line with the highest. */
  stockVersion: number;
};

/** Stock is held for an order, all of its lines or none. */
export type StockReserved = {
  /** UUIDv7 of the order; also the id of its saga and the record's key. */
  orderId: string;
  /** What is held. */
  lines: readonly StockReservedLine[];
  /** When the hold ends if the order has not been confirmed or cancelled, epoch milliseconds UTC. */
  expiresAt: number;
  /** When the fact became true at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** What came back. */
export type StockReturnedLine = {
  /** UUIDv7 of the product. */
  productId: string;
  /** Pieces, at least 1. */
  quantity: number;
  /** What can still be sold of this product after this change: on hand minus reserved. */
  available: number;
  /** Counts the changes of this product's stock; a reader keeps the line with the highest. */
  stockVersion: number;
};

/** Returned goods are in stock again. */
export type StockReturned = {
  /** UUIDv7 of the order; also the id of its saga and the record's key. */
  orderId: string;
  /** The return they came with. */
  returnId: string;
  /** What came back. */
  lines: readonly StockReturnedLine[];
  /** When the fact became true at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** An account was opened. Name and e-mail stay in the user service. */
export type UserRegistered = {
  /** UUIDv7 of the account; the record's key. */
  userId: string;
  /** customer, support, analyst, admin. */
  roles: readonly string[];
  /** When the fact became true at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** An administrator changed what an account may do. */
export type UserRolesChanged = {
  /** UUIDv7 of the account; the record's key. */
  userId: string;
  /** customer, support, analyst, admin. */
  roles: readonly string[];
  /** The administrator's account. */
  changedBy: string;
  /** When the fact became true at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** Every record by its name. */
export type EventMap = {
  OrderCancelled: OrderCancelled;
  OrderConfirmed: OrderConfirmed;
  OrderPlaced: OrderPlaced;
  OrderReturned: OrderReturned;
  PaymentAuthorized: PaymentAuthorized;
  PaymentCaptured: PaymentCaptured;
  PaymentDeclined: PaymentDeclined;
  PaymentFailed: PaymentFailed;
  PaymentInstructed: PaymentInstructed;
  PaymentRefunded: PaymentRefunded;
  PaymentVoided: PaymentVoided;
  ProductCreated: ProductCreated;
  RefundFailed: RefundFailed;
  Sale: Sale;
  ShopperActivity: ShopperActivity;
  StockAdjusted: StockAdjusted;
  StockCommitted: StockCommitted;
  StockRejected: StockRejected;
  StockReleased: StockReleased;
  StockReserved: StockReserved;
  StockReturned: StockReturned;
  UserRegistered: UserRegistered;
  UserRolesChanged: UserRolesChanged;
};

export type EventType = keyof EventMap;

const places = {
  OrderCancelled: {
    topic: 'orders',
    subject: 'cartstream.orders.OrderCancelled',
    schema: {"type":"record","name":"OrderCancelled","namespace":"cartstream.orders","doc":"The order ended without a sale, or its sale was undone because its money could not be taken. Whoever holds stock or money for it gives it back.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"version","type":"int","doc":"Counts the order's own events from 1 without gaps: a consumer that meets a repeat ignores it."},{"name":"userId","type":["null","string"],"doc":"The buyer's account; null for a guest.","default":null},{"name":"reason","type":"string","doc":"out_of_stock, payment_declined, payment_unavailable, payment_failed or timed_out."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the fact became true at its source, epoch milliseconds UTC."}]},
  },
  OrderConfirmed: {
    topic: 'orders',
    subject: 'cartstream.orders.OrderConfirmed',
    schema: {"type":"record","name":"OrderConfirmed","namespace":"cartstream.orders","doc":"Stock is held and the money is guaranteed: the sale is made. Capture and commit follow.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"version","type":"int","doc":"Counts the order's own events from 1 without gaps: a consumer that meets a repeat ignores it."},{"name":"userId","type":["null","string"],"doc":"The buyer's account; null for a guest.","default":null},{"name":"paymentId","type":"string","doc":"The authorised payment that is now to be captured."},{"name":"lines","type":{"type":"array","items":{"type":"record","name":"OrderConfirmedLine","doc":"What was sold.","fields":[{"name":"productId","type":"string","doc":"UUIDv7 of the product."},{"name":"quantity","type":"int","doc":"Pieces, at least 1."},{"name":"unitPriceMinor","type":"long","doc":"Price of one piece in minor units."}]}},"doc":"What was sold."},{"name":"totalMinor","type":"long","doc":"The amount to capture, in minor units."},{"name":"currency","type":"string","doc":"ISO 4217 code of every amount in this event."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the fact became true at its source, epoch milliseconds UTC."}]},
  },
  OrderPlaced: {
    topic: 'orders',
    subject: 'cartstream.orders.OrderPlaced',
    schema: {"type":"record","name":"OrderPlaced","namespace":"cartstream.orders","doc":"A shopper has placed an order. Nothing is held and nothing is paid yet.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"version","type":"int","doc":"Counts the order's own events from 1 without gaps: a consumer that meets a repeat ignores it."},{"name":"userId","type":["null","string"],"doc":"The buyer's account; null for a guest. No name, address or e-mail travels on the log.","default":null},{"name":"visitId","type":["null","string"],"doc":"The visit the order came from, where the shop knew it.","default":null},{"name":"lines","type":{"type":"array","items":{"type":"record","name":"OrderPlacedLine","doc":"One entry a product; a product appears once.","fields":[{"name":"productId","type":"string","doc":"UUIDv7 of the product."},{"name":"name","type":"string","doc":"The product's name when the order was placed."},{"name":"category","type":"string","doc":"The product's category path then."},{"name":"quantity","type":"int","doc":"Pieces, at least 1."},{"name":"unitPriceMinor","type":"long","doc":"Price of one piece in minor units when the order was placed."}]}},"doc":"One entry a product; a product appears once."},{"name":"totalMinor","type":"long","doc":"Sum of quantity times unit price over the lines, in minor units."},{"name":"currency","type":"string","doc":"ISO 4217 code of every amount in this event."},{"name":"paymentMethod","type":"string","doc":"card, paypal or crypto; a string because an Avro enum could never grow."},{"name":"paymentToken","type":"string","doc":"Always empty. The token travels on payment-instructions, which is kept for a day; a field without a default cannot be removed."},{"name":"shippingCountry","type":"string","doc":"ISO 3166-1 alpha-2 country of the delivery; the address itself stays in the order service."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the fact became true at its source, epoch milliseconds UTC."}]},
  },
  OrderReturned: {
    topic: 'orders',
    subject: 'cartstream.orders.OrderReturned',
    schema: {"type":"record","name":"OrderReturned","namespace":"cartstream.orders","doc":"Goods of a confirmed order came back; their stock returns and their money is refunded.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"version","type":"int","doc":"Counts the order's own events from 1 without gaps: a consumer that meets a repeat ignores it."},{"name":"returnId","type":"string","doc":"UUIDv7 of this return: the idempotency key of its refund and its restocking."},{"name":"userId","type":["null","string"],"doc":"The buyer's account; null for a guest.","default":null},{"name":"lines","type":{"type":"array","items":{"type":"record","name":"OrderReturnedLine","doc":"What came back.","fields":[{"name":"productId","type":"string","doc":"UUIDv7 of the product."},{"name":"quantity","type":"int","doc":"Pieces, at least 1."},{"name":"unitPriceMinor","type":"long","doc":"What was paid for one piece, in minor units."}]}},"doc":"What came back."},{"name":"refundMinor","type":"long","doc":"Sum of quantity times unit price over the lines, in minor units."},{"name":"currency","type":"string","doc":"ISO 4217 code of every amount in this event."},{"name":"isFull","type":"boolean","doc":"True when nothing of the order is left with the customer."},{"name":"reason","type":"string","doc":"Always empty: what a customer typed stays in the order service. A field without a default cannot be removed."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the fact became true at its source, epoch milliseconds UTC."}]},
  },
  PaymentAuthorized: {
    topic: 'payments',
    subject: 'cartstream.payments.PaymentAuthorized',
    schema: {"type":"record","name":"PaymentAuthorized","namespace":"cartstream.payments","doc":"The provider guarantees the money for an order; it is not taken yet.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"paymentId","type":"string","doc":"UUIDv7 of the payment."},{"name":"amountMinor","type":"long","doc":"Amount in minor units."},{"name":"currency","type":"string","doc":"ISO 4217 code of every amount in this event."},{"name":"method","type":"string","doc":"card, paypal or crypto."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the fact became true at its source, epoch milliseconds UTC."}]},
  },
  PaymentCaptured: {
    topic: 'payments',
    subject: 'cartstream.payments.PaymentCaptured',
    schema: {"type":"record","name":"PaymentCaptured","namespace":"cartstream.payments","doc":"The money of a confirmed order was taken.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"paymentId","type":"string","doc":"UUIDv7 of the payment."},{"name":"amountMinor","type":"long","doc":"Amount in minor units."},{"name":"currency","type":"string","doc":"ISO 4217 code of every amount in this event."},{"name":"method","type":"string","doc":"card, paypal or crypto."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the fact became true at its source, epoch milliseconds UTC."}]},
  },
  PaymentDeclined: {
    topic: 'payments',
    subject: 'cartstream.payments.PaymentDeclined',
    schema: {"type":"record","name":"PaymentDeclined","namespace":"cartstream.payments","doc":"The provider refused the payment.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"paymentId","type":"string","doc":"UUIDv7 of the payment."},{"name":"amountMinor","type":"long","doc":"Amount in minor units."},{"name":"currency","type":"string","doc":"ISO 4217 code of every amount in this event."},{"name":"method","type":"string","doc":"card, paypal or crypto."},{"name":"reason","type":"string","doc":"The provider's reason: declined, insufficient_funds, …"},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the fact became true at its source, epoch milliseconds UTC."}]},
  },
  PaymentFailed: {
    topic: 'payments',
    subject: 'cartstream.payments.PaymentFailed',
    schema: {"type":"record","name":"PaymentFailed","namespace":"cartstream.payments","doc":"The money of a confirmed order was not taken and will not be: the provider refused the capture for good, and the authorisation could not be renewed. The order is cancelled.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"paymentId","type":"string","doc":"UUIDv7 of the payment."},{"name":"amountMinor","type":"long","doc":"Amount in minor units."},{"name":"currency","type":"string","doc":"ISO 4217 code of every amount in this event."},{"name":"method","type":"string","doc":"card, paypal or crypto."},{"name":"reason","type":"string","doc":"The provider's reason: authorization_expired, authorization_voided, …"},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the fact became true at its source, epoch milliseconds UTC."}]},
  },
  PaymentInstructed: {
    topic: 'payment-instructions',
    subject: 'cartstream.payment_instructions.PaymentInstructed',
    schema: {"type":"record","name":"PaymentInstructed","namespace":"cartstream.payment_instructions","doc":"How the buyer of an order wants to pay, for the payment service alone. Written with OrderPlaced, and kept for a day: what a provider's token may do is no fact for ever.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"userId","type":["null","string"],"doc":"The buyer's account; null for a guest.","default":null},{"name":"amountMinor","type":"long","doc":"The order's total in minor units."},{"name":"currency","type":"string","doc":"ISO 4217 code of the amount."},{"name":"method","type":"string","doc":"card, paypal or crypto."},{"name":"token","type":"string","doc":"The provider's single-use token for this payment."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the order was placed, epoch milliseconds UTC."}]},
  },
  PaymentRefunded: {
    topic: 'payments',
    subject: 'cartstream.payments.PaymentRefunded',
    schema: {"type":"record","name":"PaymentRefunded","namespace":"cartstream.payments","doc":"Captured money went back to the buyer.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"paymentId","type":"string","doc":"UUIDv7 of the payment."},{"name":"refundId","type":"string","doc":"The return this refund answers; its idempotency key."},{"name":"amountMinor","type":"long","doc":"Amount in minor units."},{"name":"currency","type":"string","doc":"ISO 4217 code of every amount in this event."},{"name":"method","type":"string","doc":"card, paypal or crypto."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the fact became true at its source, epoch milliseconds UTC."}]},
  },
  PaymentVoided: {
    topic: 'payments',
    subject: 'cartstream.payments.PaymentVoided',
    schema: {"type":"record","name":"PaymentVoided","namespace":"cartstream.payments","doc":"An authorisation was given back without taking the money: its order was cancelled.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"paymentId","type":"string","doc":"UUIDv7 of the payment."},{"name":"amountMinor","type":"long","doc":"Amount in minor units."},{"name":"currency","type":"string","doc":"ISO 4217 code of every amount in this event."},{"name":"method","type":"string","doc":"card, paypal or crypto."},{"name":"reason","type":"string","doc":"The order's cancellation reason."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the fact became true at its source, epoch milliseconds UTC."}]},
  },
  ProductCreated: {
    topic: 'products',
    subject: 'cartstream.products.ProductCreated',
    schema: {"type":"record","name":"ProductCreated","namespace":"cartstream.products","doc":"A product entered the catalogue.","fields":[{"name":"productId","type":"string","doc":"UUIDv7 of the product."},{"name":"version","type":"int","doc":"Counts the product's own events from 1 without gaps."},{"name":"name","type":"string","doc":"What the shopper reads."},{"name":"description","type":"string","doc":"Plain text; may be empty."},{"name":"category","type":"string","doc":"Path of the category, e.g. home/lighting."},{"name":"priceMinor","type":"long","doc":"Price of one piece in minor units."},{"name":"currency","type":"string","doc":"ISO 4217 code of every amount in this event."},{"name":"brand","type":["null","string"],"doc":"Maker or label.","default":null},{"name":"tags","type":{"type":"array","items":"string"},"doc":"Free words for search and recommendations."},{"name":"groupId","type":["null","string"],"doc":"Products with the same group are variants of one.","default":null},{"name":"active","type":"boolean","doc":"False while the product must not be shown or sold."},{"name":"initialStock","type":"int","doc":"Pieces on hand at the start; inventory opens its ledger with them."},{"name":"createdAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the product was created, epoch milliseconds UTC."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the fact became true at its source, epoch milliseconds UTC."}]},
  },
  RefundFailed: {
    topic: 'payments',
    subject: 'cartstream.payments.RefundFailed',
    schema: {"type":"record","name":"RefundFailed","namespace":"cartstream.payments","doc":"The provider refused for good to give captured money back. It is still owed to the buyer: people have to pay it.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"paymentId","type":"string","doc":"UUIDv7 of the payment."},{"name":"refundId","type":"string","doc":"The return this refund answers; its idempotency key."},{"name":"amountMinor","type":"long","doc":"Amount in minor units."},{"name":"currency","type":"string","doc":"ISO 4217 code of every amount in this event."},{"name":"method","type":"string","doc":"card, paypal or crypto."},{"name":"reason","type":"string","doc":"The provider's reason: account_closed, …"},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the fact became true at its source, epoch milliseconds UTC."}]},
  },
  Sale: {
    topic: 'sales',
    subject: 'sales-value',
    schema: {"type":"record","name":"Sale","namespace":"cartstream.sales","doc":"One order line when its order was confirmed, or a negative one when it was returned or its sale was undone: the ledger that analytics sum.","fields":[{"name":"event_id","type":"string","doc":"UUIDv7 of this record."},{"name":"order_id","type":"string","doc":"The order; the record's key."},{"name":"line","type":"int","doc":"Line of the order, from 0; a refund repeats the line it takes back."},{"name":"product_id","type":"string","doc":"The product sold."},{"name":"category","type":"string","doc":"The product's category path when it was sold."},{"name":"user_id","type":["null","string"],"doc":"The buyer's account; null for a guest.","default":null},{"name":"quantity","type":"int","doc":"Pieces; negative for a refund."},{"name":"amount_minor","type":"long","doc":"Line amount in minor units; negative for a refund."},{"name":"currency","type":"string","doc":"ISO 4217 code."},{"name":"kind","type":"string","doc":"sale or refund."},{"name":"occurred_at","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the order was confirmed, the return accepted or the sale undone, epoch milliseconds UTC."}]},
  },
  ShopperActivity: {
    topic: 'shopper-activity',
    subject: 'shopper-activity-value',
    schema: {"type":"record","name":"ShopperActivity","namespace":"cartstream.shopper_activity","doc":"One thing a shopper did or was shown. Flat, so that any stock tool reads the topic as it is.","fields":[{"name":"event_id","type":"string","doc":"UUIDv7 given by the collector."},{"name":"type","type":"string","doc":"product_viewed, product_added, product_removed, checkout_started, products_searched, recommendation_shown or recommendation_clicked."},{"name":"visit_id","type":"string","doc":"The visit, chosen by the client; the record's key."},{"name":"user_id","type":["null","string"],"doc":"The account, where the shopper is logged in.","default":null},{"name":"product_id","type":["null","string"],"doc":"The product viewed, added, removed, shown or clicked.","default":null},{"name":"query","type":["null","string"],"doc":"What was searched for.","default":null},{"name":"position","type":["null","int"],"doc":"Place in the list, from 0.","default":null},{"name":"recommendation_id","type":["null","string"],"doc":"The answer of the recommendation API this belongs to.","default":null},{"name":"occurred_at","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the shopper did it, epoch milliseconds UTC."}]},
  },
  StockAdjusted: {
    topic: 'inventory',
    subject: 'cartstream.inventory.StockAdjusted',
    schema: {"type":"record","name":"StockAdjusted","namespace":"cartstream.inventory","doc":"Somebody stated or restocked what is on hand. Keyed by product id.","fields":[{"name":"productId","type":"string","doc":"UUIDv7 of the product."},{"name":"onHand","type":"int","doc":"Pieces on hand after the adjustment."},{"name":"available","type":"int","doc":"On hand minus reserved, after the adjustment."},{"name":"delta","type":"int","doc":"Change of on hand; negative for a loss."},{"name":"stockVersion","type":"long","doc":"Counts the changes of this product's stock."},{"name":"reason","type":"string","doc":"initial, restock, correction, or the operator's words."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the fact became true at its source, epoch milliseconds UTC."}]},
  },
  StockCommitted: {
    topic: 'inventory',
    subject: 'cartstream.inventory.StockCommitted',
    schema: {"type":"record","name":"StockCommitted","namespace":"cartstream.inventory","doc":"A hold became a sale: the pieces have left the stock.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"lines","type":{"type":"array","items":{"type":"record","name":"StockCommittedLine","doc":"What left.","fields":[{"name":"productId","type":"string","doc":"UUIDv7 of the product."},{"name":"quantity","type":"int","doc":"Pieces, at least 1."},{"name":"available","type":"int","doc":"What can still be sold of this product after this change: on hand minus reserved."},{"name":"stockVersion","type":"long","doc":"Counts the changes of this product's stock; a reader keeps the line with the highest."}]}},"doc":"What left."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the fact became true at its source, epoch milliseconds UTC."}]},
  },
  StockRejected: {
    topic: 'inventory',
    subject: 'cartstream.inventory.StockRejected',
    schema: {"type":"record","name":"StockRejected","namespace":"cartstream.inventory","doc":"The order cannot be served from stock; nothing is held.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"lines","type":{"type":"array","items":{"type":"record","name":"StockRejectedLine","doc":"The lines that fall short.","fields":[{"name":"productId","type":"string","doc":"UUIDv7 of the product."},{"name":"requested","type":"int","doc":"Pieces asked for."},{"name":"available","type":"int","doc":"Pieces that could have been held."}]}},"doc":"The lines that fall short."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the fact became true at its source, epoch milliseconds UTC."}]},
  },
  StockReleased: {
    topic: 'inventory',
    subject: 'cartstream.inventory.StockReleased',
    schema: {"type":"record","name":"StockReleased","namespace":"cartstream.inventory","doc":"An order was cancelled: the pieces it held, or had taken already, can be sold again.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"reason","type":"string","doc":"The order's cancellation reason."},{"name":"lines","type":{"type":"array","items":{"type":"record","name":"StockReleasedLine","doc":"What is free again.","fields":[{"name":"productId","type":"string","doc":"UUIDv7 of the product."},{"name":"quantity","type":"int","doc":"Pieces, at least 1."},{"name":"available","type":"int","doc":"What can still be sold of this product after this change: on hand minus reserved."},{"name":"stockVersion","type":"long","doc":"Counts the changes of this product's stock; a reader keeps the line with the highest."}]}},"doc":"What is free again."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the fact became true at its source, epoch milliseconds UTC."}]},
  },
  StockReserved: {
    topic: 'inventory',
    subject: 'cartstream.inventory.StockReserved',
    schema: {"type":"record","name":"StockReserved","namespace":"cartstream.inventory","doc":"Stock is held for an order, all of its lines or none.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"lines","type":{"type":"array","items":{"type":"record","name":"StockReservedLine","doc":"What is held.","fields":[{"name":"productId","type":"string","doc":"UUIDv7 of the product."},{"name":"quantity","type":"int","doc":"Pieces, at least 1."},{"name":"available","type":"int","doc":"What can still be sold of this product after this change: on hand minus reserved."},{"name":"stockVersion","type":"long","doc":"Counts the changes of this product's stock; a reader keeps the line with the highest."}]}},"doc":"What is held."},{"name":"expiresAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the hold ends if the order has not been confirmed or cancelled, epoch milliseconds UTC."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the fact became true at its source, epoch milliseconds UTC."}]},
  },
  StockReturned: {
    topic: 'inventory',
    subject: 'cartstream.inventory.StockReturned',
    schema: {"type":"record","name":"StockReturned","namespace":"cartstream.inventory","doc":"Returned goods are in stock again.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"returnId","type":"string","doc":"The return they came with."},{"name":"lines","type":{"type":"array","items":{"type":"record","name":"StockReturnedLine","doc":"What came back.","fields":[{"name":"productId","type":"string","doc":"UUIDv7 of the product."},{"name":"quantity","type":"int","doc":"Pieces, at least 1."},{"name":"available","type":"int","doc":"What can still be sold of this product after this change: on hand minus reserved."},{"name":"stockVersion","type":"long","doc":"Counts the changes of this product's stock; a reader keeps the line with the highest."}]}},"doc":"What came back."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the fact became true at its source, epoch milliseconds UTC."}]},
  },
  UserRegistered: {
    topic: 'users',
    subject: 'cartstream.users.UserRegistered',
    schema: {"type":"record","name":"UserRegistered","namespace":"cartstream.users","doc":"An account was opened. Name and e-mail stay in the user service.","fields":[{"name":"userId","type":"string","doc":"UUIDv7 of the account; the record's key."},{"name":"roles","type":{"type":"array","items":"string"},"doc":"customer, support, analyst, admin."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the fact became true at its source, epoch milliseconds UTC."}]},
  },
  UserRolesChanged: {
    topic: 'users',
    subject: 'cartstream.users.UserRolesChanged',
    schema: {"type":"record","name":"UserRolesChanged","namespace":"cartstream.users","doc":"An administrator changed what an account may do.","fields":[{"name":"userId","type":"string","doc":"UUIDv7 of the account; the record's key."},{"name":"roles","type":{"type":"array","items":"string"},"doc":"customer, support, analyst, admin."},{"name":"changedBy","type":"string","doc":"The administrator's account."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the fact became true at its source, epoch milliseconds UTC."}]},
  },
} as const satisfies Record<EventType, { topic: string; subject: string; schema: object }>;

/**
 * Where each record lives: its topic, its subject in the registry and its schema. `value` is never there: it says to
 * the compiler what the schema describes.
 */
export const records: { readonly [T in EventType]: (typeof places)[T] & { readonly value?: EventMap[T] } } =
  places;
