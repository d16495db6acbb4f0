// Generated from the .avsc files by `npm run generate`; do not edit.

/** An API key was created. The key itself is shown once, to whoever created it, and stored nowhere. */
export type ApiKeyCreated = {
  /** UUIDv7 of the API key; the record's key. */
  keyId: string;
  /** What the key may do, such as products:read. */
  scopes: readonly string[];
  /** The account of the administrator. */
  createdBy: string;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** An API key was revoked. */
export type ApiKeyRevoked = {
  /** UUIDv7 of the API key; the record's key. */
  keyId: string;
  /** The account of the administrator. */
  revokedBy: string;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** A product for which an account has waited is available again. One event for each account that asked to be notified; after it the account waits no longer. Keyed by product id. */
export type BackInStock = {
  /** UUIDv7 of the product; the record's key. */
  productId: string;
  /** The account that asked. */
  userId: string;
  /** On hand minus reserved. */
  available: number;
  /** When the account asked, epoch milliseconds UTC. */
  askedAt: number;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** A category without products was removed from the tree. Keyed by category id. */
export type CategoryDeleted = {
  /** UUIDv7 of the category; the record's key. */
  categoryId: string;
  /** Counts the category's own events from 1 without gaps. */
  version: number;
  /** The path that it had. */
  path: string;
  /** The account that removed it. */
  changedBy: null | string;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** A category was added to the tree, or changed. Keyed by category id. */
export type CategorySaved = {
  /** UUIDv7 of the category; the record's key. */
  categoryId: string;
  /** Counts the category's own events from 1 without gaps. */
  version: number;
  /** From the root, e.g. home/lighting. Products name their category by it. */
  path: string;
  /** The name that shoppers see. */
  name: string;
  /** Order among the categories of one parent, lowest first. */
  position: number;
  /** The account that saved it; null for a category that came to be with its first product. */
  changedBy: null | string;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** Something about the orders of a buyer that staff should look at. It decides nothing. A later revision of the same signal replaces an earlier one. */
export type FraudSignal = {
  /** A UUIDv8 derived from the buyer, the window and the revision. */
  event_id: string;
  /** A UUIDv8 derived from kind, buyer and order; the key of the record. */
  signal_id: string;
  /** Counts from 1. */
  revision: number;
  /** velocity: many orders in a short time; amount: an order of an unusual amount; mismatch: orders to different countries in a short time; declines: several declined payments. */
  kind: string;
  /** The account, or for a guest the visit. */
  buyer: string;
  /** The account; null for a guest. */
  user_id: null | string;
  /** The order that gave rise to the signal. */
  order_id: string;
  /** Orders, countries or declined payments of the buyer in the window. */
  count: number;
  /** The amount of the order in minor units; 0 where it is not in the window. */
  amount_minor: number;
  /** ISO 4217 code of the amount. */
  currency: null | string;
  /** The countries of a mismatch, in the order in which they were used; otherwise empty. */
  detail: string;
  /** When the order was placed or its payment declined, epoch milliseconds UTC. */
  occurred_at: number;
};

/** How a guest who has ordered is reached. Only the notification service reads it. Kafka keeps it for seven days, because it contains personal data. */
export type GuestContactGiven = {
  /** UUIDv7 of the order; the record's key. */
  orderId: string;
  /** The e-mail address. */
  email: string;
  /** How the person wants to be addressed: the name of the shipping address. */
  name: string;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** The available pieces of a product have fallen to its threshold or below, or the threshold was raised to them. Once until they are above it again. Keyed by product id. */
export type LowStock = {
  /** UUIDv7 of the product; the record's key. */
  productId: string;
  /** On hand minus reserved. */
  available: number;
  /** Stock counts as low at this number and below. */
  lowStockThreshold: number;
  /** Counts the changes of this product's stock. */
  stockVersion: number;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** Another parameter set of the recommendation models answers from now on. Every instance applies it. */
export type ModelPromoted = {
  /** A UUIDv7. */
  promotionId: string;
  /** Counts the promotions from 1 without gaps. The last record decides. */
  number: number;
  /** The id of the parameter set that is live now. */
  model: string;
  /** The one that was live before. */
  previous: string;
  /** What was known of both, as JSON: the comparison of GET /api/recommendations/models at that time. */
  evidence: string;
  /** Why, in the words of whoever promoted it. */
  reason: string;
  /** The account that promoted it; null where the platform did, because it was better beyond doubt. */
  promotedBy: null | string;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** A notification was given up on one channel: it was refused, or could not be sent in time. */
export type NotificationFailed = {
  /** UUID of the notification; the record's key. */
  notificationId: string;
  /** The recipient's account; null for a guest. */
  userId: null | string;
  /** What it was about, such as order_confirmed. */
  template: string;
  /** email, sms or push; a string because an Avro enum could never grow. */
  channel: string;
  /** Why, as a code: refused, gave_up or no_contact. */
  reason: string;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** A notification was handed to the provider of a channel, which accepted it. */
export type NotificationSent = {
  /** UUID of the notification; the record's key. */
  notificationId: string;
  /** The recipient's account; null for a guest. */
  userId: null | string;
  /** What it was about, such as order_confirmed. */
  template: string;
  /** email, sms or push; a string because an Avro enum could never grow. */
  channel: string;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** The order ended without a sale, or its sale was undone: its money could not be captured, or the customer cancelled before the goods left. Inventory and payment give back what they hold for it. */
export type OrderCancelled = {
  /** UUIDv7 of the order; also the id of its saga and the record's key. */
  orderId: string;
  /** Counts the order's own events from 1 without gaps. A consumer ignores an event whose version it has already handled. */
  version: number;
  /** The buyer's account; null for a guest. */
  userId: null | string;
  /** out_of_stock, payment_declined, payment_unavailable, payment_failed, timed_out or customer. */
  reason: string;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** The lines that were sold. */
export type OrderConfirmedLine = {
  /** UUIDv7 of the product. */
  productId: string;
  /** Pieces, at least 1. */
  quantity: number;
  /** Price of one piece in minor units. */
  unitPriceMinor: number;
};

/** Stock is held and the payment is authorised, so the sale is made. The capture of the money and the commit of the stock follow. */
export type OrderConfirmed = {
  /** UUIDv7 of the order; also the id of its saga and the record's key. */
  orderId: string;
  /** Counts the order's own events from 1 without gaps. A consumer ignores an event whose version it has already handled. */
  version: number;
  /** The buyer's account; null for a guest. */
  userId: null | string;
  /** The authorised payment that is now to be captured. */
  paymentId: string;
  /** The lines that were sold. */
  lines: readonly OrderConfirmedLine[];
  /** The amount to capture, in minor units. */
  totalMinor: number;
  /** ISO 4217 code of every amount in this event. */
  currency: string;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** The goods of a shipped order have arrived. */
export type OrderDelivered = {
  /** UUIDv7 of the order; also the id of its saga and the record's key. */
  orderId: string;
  /** Counts the order's own events from 1 without gaps. A consumer ignores an event whose version it has already handled. */
  version: number;
  /** The buyer's account; null for a guest. */
  userId: null | string;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** One entry for each product. */
export type OrderPlacedLine = {
  /** UUIDv7 of the product. */
  productId: string;
  /** The product's name when the order was placed. */
  name: string;
  /** The product's category path when the order was placed. */
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
  /** Counts the order's own events from 1 without gaps. A consumer ignores an event whose version it has already handled. */
  version: number;
  /** The buyer's account; null for a guest. No name, address or e-mail travels on the log. */
  userId: null | string;
  /** The visit in which the order was placed, if the shop had its id. */
  visitId: null | string;
  /** UUID of the guest's cart that the order was placed from, as the caller named it; null where none was named. The cart service takes the ordered pieces out of it; a user's cart is found by the account. */
  cartId: null | string;
  /** When the id that the caller sent expires and a digest of its signature, by which the cart service sees that the caller held the cart; nobody can use it as an id. Null where no cart was named. */
  cartProof: null | string;
  /** One entry for each product. */
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
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** The pieces that came back. */
export type OrderReturnedLine = {
  /** UUIDv7 of the product. */
  productId: string;
  /** Pieces, at least 1. */
  quantity: number;
  /** The price paid for one piece, in minor units. */
  unitPriceMinor: number;
};

/** Goods of a confirmed order came back; their stock returns and their money is refunded. */
export type OrderReturned = {
  /** UUIDv7 of the order; also the id of its saga and the record's key. */
  orderId: string;
  /** Counts the order's own events from 1 without gaps. A consumer ignores an event whose version it has already handled. */
  version: number;
  /** UUIDv7 of this return: the idempotency key of its refund and its restocking. */
  returnId: string;
  /** The buyer's account; null for a guest. */
  userId: null | string;
  /** The pieces that came back. */
  lines: readonly OrderReturnedLine[];
  /** Sum of quantity times unit price over the lines, in minor units. */
  refundMinor: number;
  /** ISO 4217 code of every amount in this event. */
  currency: string;
  /** True when the customer has now returned every piece of the order. */
  isFull: boolean;
  /** Always empty. The customer's text stays in the order service; a field without a default cannot be removed. */
  reason: string;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** The goods of a confirmed order are on their way. Comes again with the right data where staff correct the carrier or the number. */
export type OrderShipped = {
  /** UUIDv7 of the order; also the id of its saga and the record's key. */
  orderId: string;
  /** Counts the order's own events from 1 without gaps. A consumer ignores an event whose version it has already handled. */
  version: number;
  /** The buyer's account; null for a guest. */
  userId: null | string;
  /** Who carries the goods, as staff wrote it; null where they did not. */
  carrier: null | string;
  /** The number by which the carrier finds them; null where there is none. */
  trackingNumber: null | string;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** The pieces of the order. */
export type OrderStepsAskedLine = {
  /** UUIDv7 of the product. */
  productId: string;
  /** Pieces, at least 1. */
  quantity: number;
};

/** The pieces that came back. */
export type OrderStepsAskedReturnLine = {
  /** UUIDv7 of the product. */
  productId: string;
  /** Pieces, at least 1. */
  quantity: number;
};

/** A return of the order. */
export type OrderStepsAskedReturn = {
  /** UUIDv7 of the return. */
  returnId: string;
  /** The refund that it made due, in minor units. */
  refundMinor: number;
  /** The pieces that came back. */
  lines: readonly OrderStepsAskedReturnLine[];
};

/** Staff ask the other services for what the order still waits for. Each does what its own record lacks, and nothing that it has done. It changes nothing about the order, so it has no version. */
export type OrderStepsAsked = {
  /** UUIDv7 of the order; also the id of its saga and the record's key. */
  orderId: string;
  /** The order's status: pending, reserved, confirmed, shipped, delivered, returned or cancelled. */
  status: string;
  /** Why the order was cancelled; null if it was not. */
  reason: null | string;
  /** The pieces of the order. */
  lines: readonly OrderStepsAskedLine[];
  /** The returns of the order so far. */
  returns: readonly OrderStepsAskedReturn[];
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** The provider has authorised the amount of an order. It is not captured yet. */
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
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** The money of a confirmed order was captured. */
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
  /** When the event happened at its source, epoch milliseconds UTC. */
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
  /** The provider's reason, for example declined, insufficient_funds or invalid_token. */
  reason: string;
  /** Until when the buyer may try to pay again, epoch milliseconds UTC; the order stays reserved for so long. Null where he may not. */
  retryUntil: null | number;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** The money of a confirmed order cannot be captured: the provider refused the capture for good, and a second authorisation failed too. The order service cancels the order, unless it was fully returned. */
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
  /** The provider's reason, for example authorization_expired or authorization_voided. */
  reason: string;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** How the buyer of an order pays. Only the payment service reads it. It is written with OrderPlaced, and Kafka keeps it for a day, because it contains the provider's token. */
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
  /** The return or the refund by staff for which the money goes back, or the order's id where a sale was cancelled; also the refund's idempotency key. */
  refundId: string;
  /** Amount in minor units. */
  amountMinor: number;
  /** ISO 4217 code of every amount in this event. */
  currency: string;
  /** card, paypal or crypto. */
  method: string;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** An authorisation was voided without a capture, because its order was cancelled. */
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
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** A product was added to the catalogue. */
export type ProductCreated = {
  /** UUIDv7 of the product. */
  productId: string;
  /** Counts the product's own events from 1 without gaps. */
  version: number;
  /** The name that shoppers see. */
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
  /** Pieces on hand at the start. Inventory creates the product's stock with them. */
  initialStock: number;
  /** When the product was created, epoch milliseconds UTC. */
  createdAt: number;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
  /** The product's own attributes as a JSON object of texts, numbers and booleans. */
  attributes: string;
  /** Addresses of its pictures, the first one for lists. */
  images: readonly string[];
  /** True where the buyer has to be of age. */
  ageRestricted: boolean;
  /** True while the shop shows it in front. */
  featured: boolean;
  /** The account that added it; null where nobody was logged in, such as in an event of before this field. */
  changedBy: null | string;
};

/** A product was removed from the catalogue for ever. Orders and sales that name it stay. */
export type ProductDeleted = {
  /** UUIDv7 of the product. */
  productId: string;
  /** Counts the product's own events from 1 without gaps. */
  version: number;
  /** The account that removed it. */
  changedBy: null | string;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** What happened with a product in an hour: in one currency, or, without a currency, what shoppers did. Written once, when the hour is over. Flat, so that any standard tool can read the topic. */
export type ProductPerformance = {
  /** A UUIDv8 derived from product, currency and hour, so the same row has the same id whenever it is computed. */
  event_id: string;
  /** The key of the record. */
  product_id: string;
  /** ISO 4217; null in the row with the views, additions and removals. */
  currency: null | string;
  /** The beginning of the hour, epoch milliseconds UTC. */
  from_at: number;
  /** Views. */
  views: number;
  /** Additions to carts. */
  adds: number;
  /** Removals from carts. */
  removes: number;
  /** Order lines sold: orders that contain the product. */
  lines: number;
  /** Pieces sold. */
  units: number;
  /** Amount sold, minor units. */
  gross_minor: number;
  /** Pieces returned in this hour, whenever they were sold; positive. */
  returned_units: number;
  /** Amount refunded in this hour, minor units, positive. */
  refunded_minor: number;
  /** The lowest price of a piece that was paid; null where nothing was sold. With units and views of the hours it shows how demand follows the price. */
  lowest_price_minor: null | number;
  /** The highest one. */
  highest_price_minor: null | number;
  /** The last event of the row, epoch milliseconds UTC. */
  occurred_at: number;
};

/** What the approved reviews of a product say together has changed. Keyed by product id. */
export type ProductRated = {
  /** UUIDv7 of the product. */
  productId: string;
  /** Counts the changes of this product's reviews; the highest one is the newest. */
  ratingVersion: number;
  /** The sum of the ratings of all approved reviews, each from 1 to 5. */
  sum: number;
  /** How many approved reviews there are. */
  count: number;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** The description of a product was changed. The event has the whole description after the change. */
export type ProductUpdated = {
  /** UUIDv7 of the product. */
  productId: string;
  /** Counts the product's own events from 1 without gaps. */
  version: number;
  /** The name that shoppers see. */
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
  /** The product's own attributes as a JSON object of texts, numbers and booleans. */
  attributes: string;
  /** Addresses of its pictures, the first one for lists. */
  images: readonly string[];
  /** Products with the same group are variants of one. */
  groupId: null | string;
  /** True where the buyer has to be of age. */
  ageRestricted: boolean;
  /** False while the product must not be shown or sold. */
  active: boolean;
  /** True while the shop shows it in front. */
  featured: boolean;
  /** The names of the fields of this event that differ from the version before. */
  changed: readonly string[];
  /** The account that changed it. */
  changedBy: null | string;
  /** When the product was created, epoch milliseconds UTC. */
  createdAt: number;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** The provider refused a refund for good, or the bank sent the money of one that was paid back. It is owed to the buyer: staff ask for the refund again or pay it by other means. */
export type RefundFailed = {
  /** UUIDv7 of the order; also the id of its saga and the record's key. */
  orderId: string;
  /** UUIDv7 of the payment. */
  paymentId: string;
  /** The id of the refund, as in PaymentRefunded. */
  refundId: string;
  /** Amount in minor units. */
  amountMinor: number;
  /** ISO 4217 code of every amount in this event. */
  currency: string;
  /** card, paypal or crypto. */
  method: string;
  /** The provider's reason, for example account_closed. */
  reason: string;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** A moderator approved or rejected a review, or took that back. */
export type ReviewModerated = {
  /** UUIDv7 of the review; the record's key. */
  reviewId: string;
  /** UUIDv7 of the product. */
  productId: string;
  /** pending, approved or rejected. */
  status: string;
  /** The moderator's account. */
  moderatedBy: string;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** A buyer reviewed a product. The words are not on the log, because they are a person's and may have to be removed. */
export type ReviewSubmitted = {
  /** UUIDv7 of the review; the record's key. */
  reviewId: string;
  /** UUIDv7 of the product. */
  productId: string;
  /** The author's account. */
  userId: string;
  /** 1 to 5. */
  rating: number;
  /** True where a confirmed order of the author contains the product. */
  verifiedPurchase: boolean;
  /** pending, approved or rejected. */
  status: string;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** One line of a confirmed order, or a negative line for a return or an undone sale. Analytics adds these records up. */
export type Sale = {
  /** UUIDv7 of this record. */
  event_id: string;
  /** The order; the record's key. */
  order_id: string;
  /** The line's number in the order, from 0. A refund has the number of the refunded line. */
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

/** A search of a visit, and what it led to before the visit's next search. Written once, when the visit has ended. Flat, so that any standard tool can read the topic. */
export type Search = {
  /** A UUIDv8 derived from the visit, its start and the number of the search. */
  event_id: string;
  /** The visit; the key of the record. */
  visit_id: string;
  /** The account, where the shopper was logged in. */
  user_id: null | string;
  /** The number of the search in its visit, from 0. */
  nth: number;
  /** The words in lower case, with single blanks between them. */
  term: string;
  /** The first product that was viewed after it; null where none was. */
  product_id: null | string;
  /** When that was, epoch milliseconds UTC. */
  viewed_at: null | number;
  /** When a product was first put into the cart after it, epoch milliseconds UTC. */
  added_at: null | number;
  /** When it was searched for, epoch milliseconds UTC. */
  occurred_at: number;
  /** How many products it found, on all pages; null where that is not known. */
  results: null | number;
};

/** An administrator has changed a setting. Every process applies the change without a restart. */
export type SettingChanged = {
  /** The name of the setting, such as limits.orders; the record's key. */
  key: string;
  /** Counts the changes of this setting from 1 without gaps. The last record of a key decides, whatever its version. */
  version: number;
  /** The new value as JSON; null sets the default again. */
  value: null | string;
  /** The account of the administrator. */
  changedBy: string;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** One action of a shopper, or one recommendation shown. Flat, so that any standard tool can read the topic. */
export type ShopperActivity = {
  /** A UUIDv7 from the collector, or a UUIDv8 derived from the visit and the client's eventId. */
  event_id: string;
  /** product_viewed, product_added, product_removed, checkout_started, products_searched, recommendation_shown or recommendation_clicked. */
  type: string;
  /** The visit's id, chosen by the client; the record's key. */
  visit_id: string;
  /** The account, where the shopper is logged in. */
  user_id: null | string;
  /** The product viewed, added, removed, shown or clicked. */
  product_id: null | string;
  /** The text of the search. */
  query: null | string;
  /** Place in the list, from 0. */
  position: null | number;
  /** The recommendationId of the answer in which the product was shown. */
  recommendation_id: null | string;
  /** When the shopper did it, epoch milliseconds UTC. */
  occurred_at: number;
  /** How many products the search found, on all pages; null where the client did not say it. */
  results: null | number;
  /** desktop, mobile or tablet: what the client said, or else its browser; null where neither is known. */
  device: null | string;
};

/** The pieces on hand of a product were set, restocked or corrected. Keyed by product id. */
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
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** The pieces that left the stock. */
export type StockCommittedLine = {
  /** UUIDv7 of the product. */
  productId: string;
  /** Pieces, at least 1. */
  quantity: number;
  /** Pieces of this product that can still be sold after this change: on hand minus reserved. */
  available: number;
  /** Counts the changes of this product's stock. A reader keeps the line with the highest number. */
  stockVersion: number;
};

/** A hold became a sale: the pieces have left the stock. */
export type StockCommitted = {
  /** UUIDv7 of the order; also the id of its saga and the record's key. */
  orderId: string;
  /** The pieces that left the stock. */
  lines: readonly StockCommittedLine[];
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** One line of an order that could not be served from stock: demand that met none. A later revision of the same order and product replaces an earlier one. */
export type StockOut = {
  /** A UUIDv8 derived from the order, the product and the revision. */
  event_id: string;
  /** The order; the key of the record. */
  order_id: string;
  /** The product that fell short. */
  product_id: string;
  /** Counts from 1. */
  revision: number;
  /** The category path of the product in the order; null until the order is there. */
  category: null | string;
  /** Pieces that the order requested. */
  requested: number;
  /** Pieces that could have been held. */
  available: number;
  /** Price of one piece in the order, in minor units; null until the order is there. */
  unit_price_minor: null | number;
  /** The sale that was lost with this line, in minor units: all requested pieces at their price, because the whole order ends; 0 until the order is there. */
  lost_minor: number;
  /** ISO 4217 code; null until the order is there. */
  currency: null | string;
  /** The account of the buyer; null for a guest. */
  user_id: null | string;
  /** When the stock was refused, epoch milliseconds UTC. */
  occurred_at: number;
};

/** The lines that fall short. */
export type StockRejectedLine = {
  /** UUIDv7 of the product. */
  productId: string;
  /** Pieces that the order requested. */
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
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** The pieces that can be sold again. */
export type StockReleasedLine = {
  /** UUIDv7 of the product. */
  productId: string;
  /** Pieces, at least 1. */
  quantity: number;
  /** Pieces of this product that can still be sold after this change: on hand minus reserved. */
  available: number;
  /** Counts the changes of this product's stock. A reader keeps the line with the highest number. */
  stockVersion: number;
};

/** An order was cancelled: the pieces it held, or had taken already, can be sold again. */
export type StockReleased = {
  /** UUIDv7 of the order; also the id of its saga and the record's key. */
  orderId: string;
  /** The order's cancellation reason. */
  reason: string;
  /** The pieces that can be sold again. */
  lines: readonly StockReleasedLine[];
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** The pieces that are held. */
export type StockReservedLine = {
  /** UUIDv7 of the product. */
  productId: string;
  /** Pieces, at least 1. */
  quantity: number;
  /** Pieces of this product that can still be sold after this change: on hand minus reserved. */
  available: number;
  /** Counts the changes of this product's stock. A reader keeps the line with the highest number. */
  stockVersion: number;
};

/** Stock is held for an order, all of its lines or none. */
export type StockReserved = {
  /** UUIDv7 of the order; also the id of its saga and the record's key. */
  orderId: string;
  /** The pieces that are held. */
  lines: readonly StockReservedLine[];
  /** When the order service cancels the order, and so ends the hold, unless the order was confirmed by then; epoch milliseconds UTC. */
  expiresAt: number;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** The pieces that came back. */
export type StockReturnedLine = {
  /** UUIDv7 of the product. */
  productId: string;
  /** Pieces, at least 1. */
  quantity: number;
  /** Pieces of this product that can still be sold after this change: on hand minus reserved. */
  available: number;
  /** Counts the changes of this product's stock. A reader keeps the line with the highest number. */
  stockVersion: number;
};

/** Returned goods are in stock again. */
export type StockReturned = {
  /** UUIDv7 of the order; also the id of its saga and the record's key. */
  orderId: string;
  /** UUIDv7 of the return. */
  returnId: string;
  /** The pieces that came back. */
  lines: readonly StockReturnedLine[];
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** An address was added to an account's address book. The address itself stays in the user service. */
export type UserAddressAdded = {
  /** UUIDv7 of the account; the record's key. */
  userId: string;
  /** UUIDv7 of the entry. */
  addressId: string;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** An address was removed from an account's address book. */
export type UserAddressRemoved = {
  /** UUIDv7 of the account; the record's key. */
  userId: string;
  /** UUIDv7 of the entry. */
  addressId: string;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** A Web Push subscription. */
export type PushDevice = {
  /** UUIDv7 of the device. */
  deviceId: string;
  /** The https address of the push service. */
  endpoint: string;
  /** The device's public key, base64url. */
  p256dh: string;
  /** The device's authentication secret, base64url. */
  auth: string;
};

/** How an account is reached, as a whole: it replaces what was said of the account before. Only the notification service reads it. Kafka keeps it for seven days, because it contains personal data. */
export type UserContactChanged = {
  /** UUIDv7 of the account; the record's key. */
  userId: string;
  /** Counts the changes of the account's contact. A reader ignores one that is not higher than the last. */
  version: number;
  /** The e-mail address. */
  email: string;
  /** Whether the owner has proved that the address is theirs. */
  isEmailVerified: boolean;
  /** How the person wants to be addressed. */
  name: string;
  /** E.164, with its plus sign; null without one. */
  phone: null | string;
  /** The devices for push messages. */
  devices: readonly PushDevice[];
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** The account was erased: the reader deletes all that it stores about the account. It follows all other records of the account. */
export type UserContactErased = {
  /** UUIDv7 of the account; the record's key. */
  userId: string;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** A device was registered for push messages. Its endpoint and keys are not on this topic. */
export type UserDeviceAdded = {
  /** UUIDv7 of the account; the record's key. */
  userId: string;
  /** UUIDv7 of the device. */
  deviceId: string;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** A device gets no more push messages. */
export type UserDeviceRemoved = {
  /** UUIDv7 of the account; the record's key. */
  userId: string;
  /** UUIDv7 of the device. */
  deviceId: string;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** The owner of an account has proved that its e-mail address is theirs. */
export type UserEmailVerified = {
  /** UUIDv7 of the account; the record's key. */
  userId: string;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** The owner of an account had it erased. Whoever stores personal data under this id deletes it; amounts and pieces stay. Nothing leads from the id to the person any more. */
export type UserErased = {
  /** UUIDv7 of the account; the record's key. */
  userId: string;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** An account has a new password, and all its sessions have ended. */
export type UserPasswordChanged = {
  /** UUIDv7 of the account; the record's key. */
  userId: string;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** Fields of an account were changed. Their values stay in the user service. */
export type UserProfileChanged = {
  /** UUIDv7 of the account; the record's key. */
  userId: string;
  /** The names of the changed fields: name, phone. */
  fields: readonly string[];
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** An account was opened. Name and e-mail stay in the user service. */
export type UserRegistered = {
  /** UUIDv7 of the account; the record's key. */
  userId: string;
  /** customer, support, analyst, admin. */
  roles: readonly string[];
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** The roles of an account were changed. */
export type UserRolesChanged = {
  /** UUIDv7 of the account; the record's key. */
  userId: string;
  /** customer, support, analyst, admin. */
  roles: readonly string[];
  /** The account of the administrator who changed them; the account itself when the service sets up its administrator at start. */
  changedBy: string;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** A session was ended before it expired: its refresh tokens are refused from now on. */
export type UserSessionEnded = {
  /** UUIDv7 of the account; the record's key. */
  userId: string;
  /** UUIDv7 of the session. */
  sessionId: string;
  /** logout, ended_by_user, token_reuse (a refresh token came back that the session had left behind) or password_changed. */
  reason: string;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** A single-use token that reaches the account's owner by e-mail. The user service stores only its digest. It is good until it expires, is used, or is replaced. */
export type UserTokenIssued = {
  /** UUIDv7 of the account; the record's key. */
  userId: string;
  /** UUIDv7; one message is sent for each. */
  tokenId: string;
  /** verify_email or reset_password. */
  purpose: string;
  /** For POST /api/auth/verify-email or /api/auth/password-reset/confirm. */
  token: string;
  /** Where to send it. */
  email: string;
  /** How the person wants to be addressed. */
  name: string;
  /** When the token ends, epoch milliseconds UTC. */
  expiresAt: number;
  /** When the event happened at its source, epoch milliseconds UTC. */
  occurredAt: number;
};

/** A visit that has ended: no action of it followed for half an hour. Flat, so that any standard tool can read the topic. */
export type Visit = {
  /** A UUIDv8 derived from the visit and its start, so the same visit has the same id whenever it is computed. */
  event_id: string;
  /** The id that the client chose; the key of the record. After half an hour of silence it begins a new visit. */
  visit_id: string;
  /** The account with which the shopper was logged in, or ordered. */
  user_id: null | string;
  /** The first action, epoch milliseconds UTC. */
  started_at: number;
  /** The first product that was viewed, added or clicked. */
  entry_product_id: null | string;
  /** The last one. */
  exit_product_id: null | string;
  /** The products in the order in which they were viewed, added or clicked, separated by spaces; the first 50 steps, and a product after itself only once. */
  path: string;
  /** Everything that the shopper did. */
  actions: number;
  /** Products viewed. */
  views: number;
  /** Products added to the cart. */
  adds: number;
  /** Products removed from the cart. */
  removes: number;
  /** Searches. */
  searches: number;
  /** Recommendations clicked. */
  clicks: number;
  /** Checkouts started. */
  checkouts: number;
  /** Orders placed. */
  orders: number;
  /** True when more was added than removed and nothing was ordered. */
  abandoned: boolean;
  /** The last action, epoch milliseconds UTC. */
  occurred_at: number;
  /** desktop, mobile or tablet: that of the last action that has one, and so of the order where there is one. */
  device: null | string;
};

/** Every record by its name. */
export type EventMap = {
  ApiKeyCreated: ApiKeyCreated;
  ApiKeyRevoked: ApiKeyRevoked;
  BackInStock: BackInStock;
  CategoryDeleted: CategoryDeleted;
  CategorySaved: CategorySaved;
  FraudSignal: FraudSignal;
  GuestContactGiven: GuestContactGiven;
  LowStock: LowStock;
  ModelPromoted: ModelPromoted;
  NotificationFailed: NotificationFailed;
  NotificationSent: NotificationSent;
  OrderCancelled: OrderCancelled;
  OrderConfirmed: OrderConfirmed;
  OrderDelivered: OrderDelivered;
  OrderPlaced: OrderPlaced;
  OrderReturned: OrderReturned;
  OrderShipped: OrderShipped;
  OrderStepsAsked: OrderStepsAsked;
  PaymentAuthorized: PaymentAuthorized;
  PaymentCaptured: PaymentCaptured;
  PaymentDeclined: PaymentDeclined;
  PaymentFailed: PaymentFailed;
  PaymentInstructed: PaymentInstructed;
  PaymentRefunded: PaymentRefunded;
  PaymentVoided: PaymentVoided;
  ProductCreated: ProductCreated;
  ProductDeleted: ProductDeleted;
  ProductPerformance: ProductPerformance;
  ProductRated: ProductRated;
  ProductUpdated: ProductUpdated;
  RefundFailed: RefundFailed;
  ReviewModerated: ReviewModerated;
  ReviewSubmitted: ReviewSubmitted;
  Sale: Sale;
  Search: Search;
  SettingChanged: SettingChanged;
  ShopperActivity: ShopperActivity;
  StockAdjusted: StockAdjusted;
  StockCommitted: StockCommitted;
  StockOut: StockOut;
  StockRejected: StockRejected;
  StockReleased: StockReleased;
  StockReserved: StockReserved;
  StockReturned: StockReturned;
  UserAddressAdded: UserAddressAdded;
  UserAddressRemoved: UserAddressRemoved;
  UserContactChanged: UserContactChanged;
  UserContactErased: UserContactErased;
  UserDeviceAdded: UserDeviceAdded;
  UserDeviceRemoved: UserDeviceRemoved;
  UserEmailVerified: UserEmailVerified;
  UserErased: UserErased;
  UserPasswordChanged: UserPasswordChanged;
  UserProfileChanged: UserProfileChanged;
  UserRegistered: UserRegistered;
  UserRolesChanged: UserRolesChanged;
  UserSessionEnded: UserSessionEnded;
  UserTokenIssued: UserTokenIssued;
  Visit: Visit;
};

export type EventType = keyof EventMap;

const places = {
  ApiKeyCreated: {
    topic: 'users',
    subject: 'cartstream.users.ApiKeyCreated',
    schema: {"type":"record","name":"ApiKeyCreated","namespace":"cartstream.users","doc":"An API key was created. The key itself is shown once, to whoever created it, and stored nowhere.","fields":[{"name":"keyId","type":"string","doc":"UUIDv7 of the API key; the record's key."},{"name":"scopes","type":{"type":"array","items":"string"},"doc":"What the key may do, such as products:read."},{"name":"createdBy","type":"string","doc":"The account of the administrator."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  ApiKeyRevoked: {
    topic: 'users',
    subject: 'cartstream.users.ApiKeyRevoked',
    schema: {"type":"record","name":"ApiKeyRevoked","namespace":"cartstream.users","doc":"An API key was revoked.","fields":[{"name":"keyId","type":"string","doc":"UUIDv7 of the API key; the record's key."},{"name":"revokedBy","type":"string","doc":"The account of the administrator."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  BackInStock: {
    topic: 'inventory',
    subject: 'cartstream.inventory.BackInStock',
    schema: {"type":"record","name":"BackInStock","namespace":"cartstream.inventory","doc":"A product for which an account has waited is available again. One event for each account that asked to be notified; after it the account waits no longer. Keyed by product id.","fields":[{"name":"productId","type":"string","doc":"UUIDv7 of the product; the record's key."},{"name":"userId","type":"string","doc":"The account that asked."},{"name":"available","type":"int","doc":"On hand minus reserved."},{"name":"askedAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the account asked, epoch milliseconds UTC."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  CategoryDeleted: {
    topic: 'products',
    subject: 'cartstream.products.CategoryDeleted',
    schema: {"type":"record","name":"CategoryDeleted","namespace":"cartstream.products","doc":"A category without products was removed from the tree. Keyed by category id.","fields":[{"name":"categoryId","type":"string","doc":"UUIDv7 of the category; the record's key."},{"name":"version","type":"int","doc":"Counts the category's own events from 1 without gaps."},{"name":"path","type":"string","doc":"The path that it had."},{"name":"changedBy","type":["null","string"],"doc":"The account that removed it.","default":null},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  CategorySaved: {
    topic: 'products',
    subject: 'cartstream.products.CategorySaved',
    schema: {"type":"record","name":"CategorySaved","namespace":"cartstream.products","doc":"A category was added to the tree, or changed. Keyed by category id.","fields":[{"name":"categoryId","type":"string","doc":"UUIDv7 of the category; the record's key."},{"name":"version","type":"int","doc":"Counts the category's own events from 1 without gaps."},{"name":"path","type":"string","doc":"From the root, e.g. home/lighting. Products name their category by it."},{"name":"name","type":"string","doc":"The name that shoppers see."},{"name":"position","type":"int","doc":"Order among the categories of one parent, lowest first."},{"name":"changedBy","type":["null","string"],"doc":"The account that saved it; null for a category that came to be with its first product.","default":null},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  FraudSignal: {
    topic: 'fraud-signals',
    subject: 'fraud-signals-value',
    schema: {"type":"record","name":"FraudSignal","namespace":"cartstream.fraud_signals","doc":"Something about the orders of a buyer that staff should look at. It decides nothing. A later revision of the same signal replaces an earlier one.","fields":[{"name":"event_id","type":"string","doc":"A UUIDv8 derived from the buyer, the window and the revision."},{"name":"signal_id","type":"string","doc":"A UUIDv8 derived from kind, buyer and order; the key of the record."},{"name":"revision","type":"int","doc":"Counts from 1."},{"name":"kind","type":"string","doc":"velocity: many orders in a short time; amount: an order of an unusual amount; mismatch: orders to different countries in a short time; declines: several declined payments."},{"name":"buyer","type":"string","doc":"The account, or for a guest the visit."},{"name":"user_id","type":["null","string"],"doc":"The account; null for a guest.","default":null},{"name":"order_id","type":"string","doc":"The order that gave rise to the signal."},{"name":"count","type":"int","doc":"Orders, countries or declined payments of the buyer in the window."},{"name":"amount_minor","type":"long","doc":"The amount of the order in minor units; 0 where it is not in the window."},{"name":"currency","type":["null","string"],"doc":"ISO 4217 code of the amount.","default":null},{"name":"detail","type":"string","doc":"The countries of a mismatch, in the order in which they were used; otherwise empty."},{"name":"occurred_at","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the order was placed or its payment declined, epoch milliseconds UTC."}]},
  },
  GuestContactGiven: {
    topic: 'user-contacts',
    subject: 'cartstream.user_contacts.GuestContactGiven',
    schema: {"type":"record","name":"GuestContactGiven","namespace":"cartstream.user_contacts","doc":"How a guest who has ordered is reached. Only the notification service reads it. Kafka keeps it for seven days, because it contains personal data.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; the record's key."},{"name":"email","type":"string","doc":"The e-mail address."},{"name":"name","type":"string","doc":"How the person wants to be addressed: the name of the shipping address."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  LowStock: {
    topic: 'inventory',
    subject: 'cartstream.inventory.LowStock',
    schema: {"type":"record","name":"LowStock","namespace":"cartstream.inventory","doc":"The available pieces of a product have fallen to its threshold or below, or the threshold was raised to them. Once until they are above it again. Keyed by product id.","fields":[{"name":"productId","type":"string","doc":"UUIDv7 of the product; the record's key."},{"name":"available","type":"int","doc":"On hand minus reserved."},{"name":"lowStockThreshold","type":"int","doc":"Stock counts as low at this number and below."},{"name":"stockVersion","type":"long","doc":"Counts the changes of this product's stock."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  ModelPromoted: {
    topic: 'config',
    subject: 'cartstream.config.ModelPromoted',
    schema: {"type":"record","name":"ModelPromoted","namespace":"cartstream.config","doc":"Another parameter set of the recommendation models answers from now on. Every instance applies it.","fields":[{"name":"promotionId","type":"string","doc":"A UUIDv7."},{"name":"number","type":"int","doc":"Counts the promotions from 1 without gaps. The last record decides."},{"name":"model","type":"string","doc":"The id of the parameter set that is live now."},{"name":"previous","type":"string","doc":"The one that was live before."},{"name":"evidence","type":"string","doc":"What was known of both, as JSON: the comparison of GET /api/recommendations/models at that time."},{"name":"reason","type":"string","doc":"Why, in the words of whoever promoted it."},{"name":"promotedBy","type":["null","string"],"doc":"The account that promoted it; null where the platform did, because it was better beyond doubt.","default":null},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  NotificationFailed: {
    topic: 'notifications',
    subject: 'cartstream.notifications.NotificationFailed',
    schema: {"type":"record","name":"NotificationFailed","namespace":"cartstream.notifications","doc":"A notification was given up on one channel: it was refused, or could not be sent in time.","fields":[{"name":"notificationId","type":"string","doc":"UUID of the notification; the record's key."},{"name":"userId","type":["null","string"],"doc":"The recipient's account; null for a guest.","default":null},{"name":"template","type":"string","doc":"What it was about, such as order_confirmed."},{"name":"channel","type":"string","doc":"email, sms or push; a string because an Avro enum could never grow."},{"name":"reason","type":"string","doc":"Why, as a code: refused, gave_up or no_contact."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  NotificationSent: {
    topic: 'notifications',
    subject: 'cartstream.notifications.NotificationSent',
    schema: {"type":"record","name":"NotificationSent","namespace":"cartstream.notifications","doc":"A notification was handed to the provider of a channel, which accepted it.","fields":[{"name":"notificationId","type":"string","doc":"UUID of the notification; the record's key."},{"name":"userId","type":["null","string"],"doc":"The recipient's account; null for a guest.","default":null},{"name":"template","type":"string","doc":"What it was about, such as order_confirmed."},{"name":"channel","type":"string","doc":"email, sms or push; a string because an Avro enum could never grow."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  OrderCancelled: {
    topic: 'orders',
    subject: 'cartstream.orders.OrderCancelled',
    schema: {"type":"record","name":"OrderCancelled","namespace":"cartstream.orders","doc":"The order ended without a sale, or its sale was undone: its money could not be captured, or the customer cancelled before the goods left. Inventory and payment give back what they hold for it.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"version","type":"int","doc":"Counts the order's own events from 1 without gaps. A consumer ignores an event whose version it has already handled."},{"name":"userId","type":["null","string"],"doc":"The buyer's account; null for a guest.","default":null},{"name":"reason","type":"string","doc":"out_of_stock, payment_declined, payment_unavailable, payment_failed, timed_out or customer."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  OrderConfirmed: {
    topic: 'orders',
    subject: 'cartstream.orders.OrderConfirmed',
    schema: {"type":"record","name":"OrderConfirmed","namespace":"cartstream.orders","doc":"Stock is held and the payment is authorised, so the sale is made. The capture of the money and the commit of the stock follow.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"version","type":"int","doc":"Counts the order's own events from 1 without gaps. A consumer ignores an event whose version it has already handled."},{"name":"userId","type":["null","string"],"doc":"The buyer's account; null for a guest.","default":null},{"name":"paymentId","type":"string","doc":"The authorised payment that is now to be captured."},{"name":"lines","type":{"type":"array","items":{"type":"record","name":"OrderConfirmedLine","doc":"The lines that were sold.","fields":[{"name":"productId","type":"string","doc":"UUIDv7 of the product."},{"name":"quantity","type":"int","doc":"Pieces, at least 1."},{"name":"unitPriceMinor","type":"long","doc":"Price of one piece in minor units."}]}},"doc":"The lines that were sold."},{"name":"totalMinor","type":"long","doc":"The amount to capture, in minor units."},{"name":"currency","type":"string","doc":"ISO 4217 code of every amount in this event."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  OrderDelivered: {
    topic: 'orders',
    subject: 'cartstream.orders.OrderDelivered',
    schema: {"type":"record","name":"OrderDelivered","namespace":"cartstream.orders","doc":"The goods of a shipped order have arrived.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"version","type":"int","doc":"Counts the order's own events from 1 without gaps. A consumer ignores an event whose version it has already handled."},{"name":"userId","type":["null","string"],"doc":"The buyer's account; null for a guest.","default":null},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  OrderPlaced: {
    topic: 'orders',
    subject: 'cartstream.orders.OrderPlaced',
    schema: {"type":"record","name":"OrderPlaced","namespace":"cartstream.orders","doc":"A shopper has placed an order. Nothing is held and nothing is paid yet.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"version","type":"int","doc":"Counts the order's own events from 1 without gaps. A consumer ignores an event whose version it has already handled."},{"name":"userId","type":["null","string"],"doc":"The buyer's account; null for a guest. No name, address or e-mail travels on the log.","default":null},{"name":"visitId","type":["null","string"],"doc":"The visit in which the order was placed, if the shop had its id.","default":null},{"name":"cartId","type":["null","string"],"doc":"UUID of the guest's cart that the order was placed from, as the caller named it; null where none was named. The cart service takes the ordered pieces out of it; a user's cart is found by the account.","default":null},{"name":"cartProof","type":["null","string"],"doc":"When the id that the caller sent expires and a digest of its signature, by which the cart service sees that the caller held the cart; nobody can use it as an id. Null where no cart was named.","default":null},{"name":"lines","type":{"type":"array","items":{"type":"record","name":"OrderPlacedLine","doc":"One entry for each product.","fields":[{"name":"productId","type":"string","doc":"UUIDv7 of the product."},{"name":"name","type":"string","doc":"The product's name when the order was placed."},{"name":"category","type":"string","doc":"The product's category path when the order was placed."},{"name":"quantity","type":"int","doc":"Pieces, at least 1."},{"name":"unitPriceMinor","type":"long","doc":"Price of one piece in minor units when the order was placed."}]}},"doc":"One entry for each product."},{"name":"totalMinor","type":"long","doc":"Sum of quantity times unit price over the lines, in minor units."},{"name":"currency","type":"string","doc":"ISO 4217 code of every amount in this event."},{"name":"paymentMethod","type":"string","doc":"card, paypal or crypto; a string because an Avro enum could never grow."},{"name":"paymentToken","type":"string","doc":"Always empty. The token travels on payment-instructions, which is kept for a day; a field without a default cannot be removed."},{"name":"shippingCountry","type":"string","doc":"ISO 3166-1 alpha-2 country of the delivery; the address itself stays in the order service."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  OrderReturned: {
    topic: 'orders',
    subject: 'cartstream.orders.OrderReturned',
    schema: {"type":"record","name":"OrderReturned","namespace":"cartstream.orders","doc":"Goods of a confirmed order came back; their stock returns and their money is refunded.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"version","type":"int","doc":"Counts the order's own events from 1 without gaps. A consumer ignores an event whose version it has already handled."},{"name":"returnId","type":"string","doc":"UUIDv7 of this return: the idempotency key of its refund and its restocking."},{"name":"userId","type":["null","string"],"doc":"The buyer's account; null for a guest.","default":null},{"name":"lines","type":{"type":"array","items":{"type":"record","name":"OrderReturnedLine","doc":"The pieces that came back.","fields":[{"name":"productId","type":"string","doc":"UUIDv7 of the product."},{"name":"quantity","type":"int","doc":"Pieces, at least 1."},{"name":"unitPriceMinor","type":"long","doc":"The price paid for one piece, in minor units."}]}},"doc":"The pieces that came back."},{"name":"refundMinor","type":"long","doc":"Sum of quantity times unit price over the lines, in minor units."},{"name":"currency","type":"string","doc":"ISO 4217 code of every amount in this event."},{"name":"isFull","type":"boolean","doc":"True when the customer has now returned every piece of the order."},{"name":"reason","type":"string","doc":"Always empty. The customer's text stays in the order service; a field without a default cannot be removed."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  OrderShipped: {
    topic: 'orders',
    subject: 'cartstream.orders.OrderShipped',
    schema: {"type":"record","name":"OrderShipped","namespace":"cartstream.orders","doc":"The goods of a confirmed order are on their way. Comes again with the right data where staff correct the carrier or the number.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"version","type":"int","doc":"Counts the order's own events from 1 without gaps. A consumer ignores an event whose version it has already handled."},{"name":"userId","type":["null","string"],"doc":"The buyer's account; null for a guest.","default":null},{"name":"carrier","type":["null","string"],"doc":"Who carries the goods, as staff wrote it; null where they did not.","default":null},{"name":"trackingNumber","type":["null","string"],"doc":"The number by which the carrier finds them; null where there is none.","default":null},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  OrderStepsAsked: {
    topic: 'orders',
    subject: 'cartstream.orders.OrderStepsAsked',
    schema: {"type":"record","name":"OrderStepsAsked","namespace":"cartstream.orders","doc":"Staff ask the other services for what the order still waits for. Each does what its own record lacks, and nothing that it has done. It changes nothing about the order, so it has no version.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"status","type":"string","doc":"The order's status: pending, reserved, confirmed, shipped, delivered, returned or cancelled."},{"name":"reason","type":["null","string"],"doc":"Why the order was cancelled; null if it was not.","default":null},{"name":"lines","type":{"type":"array","items":{"type":"record","name":"OrderStepsAskedLine","doc":"The pieces of the order.","fields":[{"name":"productId","type":"string","doc":"UUIDv7 of the product."},{"name":"quantity","type":"int","doc":"Pieces, at least 1."}]}},"doc":"The pieces of the order."},{"name":"returns","type":{"type":"array","items":{"type":"record","name":"OrderStepsAskedReturn","doc":"A return of the order.","fields":[{"name":"returnId","type":"string","doc":"UUIDv7 of the return."},{"name":"refundMinor","type":"long","doc":"The refund that it made due, in minor units."},{"name":"lines","type":{"type":"array","items":{"type":"record","name":"OrderStepsAskedReturnLine","doc":"The pieces that came back.","fields":[{"name":"productId","type":"string","doc":"UUIDv7 of the product."},{"name":"quantity","type":"int","doc":"Pieces, at least 1."}]}},"doc":"The pieces that came back."}]}},"doc":"The returns of the order so far."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  PaymentAuthorized: {
    topic: 'payments',
    subject: 'cartstream.payments.PaymentAuthorized',
    schema: {"type":"record","name":"PaymentAuthorized","namespace":"cartstream.payments","doc":"The provider has authorised the amount of an order. It is not captured yet.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"paymentId","type":"string","doc":"UUIDv7 of the payment."},{"name":"amountMinor","type":"long","doc":"Amount in minor units."},{"name":"currency","type":"string","doc":"ISO 4217 code of every amount in this event."},{"name":"method","type":"string","doc":"card, paypal or crypto."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  PaymentCaptured: {
    topic: 'payments',
    subject: 'cartstream.payments.PaymentCaptured',
    schema: {"type":"record","name":"PaymentCaptured","namespace":"cartstream.payments","doc":"The money of a confirmed order was captured.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"paymentId","type":"string","doc":"UUIDv7 of the payment."},{"name":"amountMinor","type":"long","doc":"Amount in minor units."},{"name":"currency","type":"string","doc":"ISO 4217 code of every amount in this event."},{"name":"method","type":"string","doc":"card, paypal or crypto."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  PaymentDeclined: {
    topic: 'payments',
    subject: 'cartstream.payments.PaymentDeclined',
    schema: {"type":"record","name":"PaymentDeclined","namespace":"cartstream.payments","doc":"The provider refused the payment.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"paymentId","type":"string","doc":"UUIDv7 of the payment."},{"name":"amountMinor","type":"long","doc":"Amount in minor units."},{"name":"currency","type":"string","doc":"ISO 4217 code of every amount in this event."},{"name":"method","type":"string","doc":"card, paypal or crypto."},{"name":"reason","type":"string","doc":"The provider's reason, for example declined, insufficient_funds or invalid_token."},{"name":"retryUntil","type":["null",{"type":"long","logicalType":"timestamp-millis"}],"doc":"Until when the buyer may try to pay again, epoch milliseconds UTC; the order stays reserved for so long. Null where he may not.","default":null},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  PaymentFailed: {
    topic: 'payments',
    subject: 'cartstream.payments.PaymentFailed',
    schema: {"type":"record","name":"PaymentFailed","namespace":"cartstream.payments","doc":"The money of a confirmed order cannot be captured: the provider refused the capture for good, and a second authorisation failed too. The order service cancels the order, unless it was fully returned.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"paymentId","type":"string","doc":"UUIDv7 of the payment."},{"name":"amountMinor","type":"long","doc":"Amount in minor units."},{"name":"currency","type":"string","doc":"ISO 4217 code of every amount in this event."},{"name":"method","type":"string","doc":"card, paypal or crypto."},{"name":"reason","type":"string","doc":"The provider's reason, for example authorization_expired or authorization_voided."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  PaymentInstructed: {
    topic: 'payment-instructions',
    subject: 'cartstream.payment_instructions.PaymentInstructed',
    schema: {"type":"record","name":"PaymentInstructed","namespace":"cartstream.payment_instructions","doc":"How the buyer of an order pays. Only the payment service reads it. It is written with OrderPlaced, and Kafka keeps it for a day, because it contains the provider's token.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"userId","type":["null","string"],"doc":"The buyer's account; null for a guest.","default":null},{"name":"amountMinor","type":"long","doc":"The order's total in minor units."},{"name":"currency","type":"string","doc":"ISO 4217 code of the amount."},{"name":"method","type":"string","doc":"card, paypal or crypto."},{"name":"token","type":"string","doc":"The provider's single-use token for this payment."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the order was placed, epoch milliseconds UTC."}]},
  },
  PaymentRefunded: {
    topic: 'payments',
    subject: 'cartstream.payments.PaymentRefunded',
    schema: {"type":"record","name":"PaymentRefunded","namespace":"cartstream.payments","doc":"Captured money went back to the buyer.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"paymentId","type":"string","doc":"UUIDv7 of the payment."},{"name":"refundId","type":"string","doc":"The return or the refund by staff for which the money goes back, or the order's id where a sale was cancelled; also the refund's idempotency key."},{"name":"amountMinor","type":"long","doc":"Amount in minor units."},{"name":"currency","type":"string","doc":"ISO 4217 code of every amount in this event."},{"name":"method","type":"string","doc":"card, paypal or crypto."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  PaymentVoided: {
    topic: 'payments',
    subject: 'cartstream.payments.PaymentVoided',
    schema: {"type":"record","name":"PaymentVoided","namespace":"cartstream.payments","doc":"An authorisation was voided without a capture, because its order was cancelled.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"paymentId","type":"string","doc":"UUIDv7 of the payment."},{"name":"amountMinor","type":"long","doc":"Amount in minor units."},{"name":"currency","type":"string","doc":"ISO 4217 code of every amount in this event."},{"name":"method","type":"string","doc":"card, paypal or crypto."},{"name":"reason","type":"string","doc":"The order's cancellation reason."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  ProductCreated: {
    topic: 'products',
    subject: 'cartstream.products.ProductCreated',
    schema: {"type":"record","name":"ProductCreated","namespace":"cartstream.products","doc":"A product was added to the catalogue.","fields":[{"name":"productId","type":"string","doc":"UUIDv7 of the product."},{"name":"version","type":"int","doc":"Counts the product's own events from 1 without gaps."},{"name":"name","type":"string","doc":"The name that shoppers see."},{"name":"description","type":"string","doc":"Plain text; may be empty."},{"name":"category","type":"string","doc":"Path of the category, e.g. home/lighting."},{"name":"priceMinor","type":"long","doc":"Price of one piece in minor units."},{"name":"currency","type":"string","doc":"ISO 4217 code of every amount in this event."},{"name":"brand","type":["null","string"],"doc":"Maker or label.","default":null},{"name":"tags","type":{"type":"array","items":"string"},"doc":"Free words for search and recommendations."},{"name":"groupId","type":["null","string"],"doc":"Products with the same group are variants of one.","default":null},{"name":"active","type":"boolean","doc":"False while the product must not be shown or sold."},{"name":"initialStock","type":"int","doc":"Pieces on hand at the start. Inventory creates the product's stock with them."},{"name":"createdAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the product was created, epoch milliseconds UTC."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."},{"name":"attributes","type":"string","doc":"The product's own attributes as a JSON object of texts, numbers and booleans.","default":"{}"},{"name":"images","type":{"type":"array","items":"string"},"doc":"Addresses of its pictures, the first one for lists.","default":[]},{"name":"ageRestricted","type":"boolean","doc":"True where the buyer has to be of age.","default":false},{"name":"featured","type":"boolean","doc":"True while the shop shows it in front.","default":false},{"name":"changedBy","type":["null","string"],"doc":"The account that added it; null where nobody was logged in, such as in an event of before this field.","default":null}]},
  },
  ProductDeleted: {
    topic: 'products',
    subject: 'cartstream.products.ProductDeleted',
    schema: {"type":"record","name":"ProductDeleted","namespace":"cartstream.products","doc":"A product was removed from the catalogue for ever. Orders and sales that name it stay.","fields":[{"name":"productId","type":"string","doc":"UUIDv7 of the product."},{"name":"version","type":"int","doc":"Counts the product's own events from 1 without gaps."},{"name":"changedBy","type":["null","string"],"doc":"The account that removed it.","default":null},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  ProductPerformance: {
    topic: 'product-performance',
    subject: 'product-performance-value',
    schema: {"type":"record","name":"ProductPerformance","namespace":"cartstream.product_performance","doc":"What happened with a product in an hour: in one currency, or, without a currency, what shoppers did. Written once, when the hour is over. Flat, so that any standard tool can read the topic.","fields":[{"name":"event_id","type":"string","doc":"A UUIDv8 derived from product, currency and hour, so the same row has the same id whenever it is computed."},{"name":"product_id","type":"string","doc":"The key of the record."},{"name":"currency","type":["null","string"],"doc":"ISO 4217; null in the row with the views, additions and removals.","default":null},{"name":"from_at","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"The beginning of the hour, epoch milliseconds UTC."},{"name":"views","type":"int","doc":"Views."},{"name":"adds","type":"int","doc":"Additions to carts."},{"name":"removes","type":"int","doc":"Removals from carts."},{"name":"lines","type":"int","doc":"Order lines sold: orders that contain the product."},{"name":"units","type":"int","doc":"Pieces sold."},{"name":"gross_minor","type":"long","doc":"Amount sold, minor units."},{"name":"returned_units","type":"int","doc":"Pieces returned in this hour, whenever they were sold; positive."},{"name":"refunded_minor","type":"long","doc":"Amount refunded in this hour, minor units, positive."},{"name":"lowest_price_minor","type":["null","long"],"doc":"The lowest price of a piece that was paid; null where nothing was sold. With units and views of the hours it shows how demand follows the price.","default":null},{"name":"highest_price_minor","type":["null","long"],"doc":"The highest one.","default":null},{"name":"occurred_at","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"The last event of the row, epoch milliseconds UTC."}]},
  },
  ProductRated: {
    topic: 'reviews',
    subject: 'cartstream.reviews.ProductRated',
    schema: {"type":"record","name":"ProductRated","namespace":"cartstream.reviews","doc":"What the approved reviews of a product say together has changed. Keyed by product id.","fields":[{"name":"productId","type":"string","doc":"UUIDv7 of the product."},{"name":"ratingVersion","type":"long","doc":"Counts the changes of this product's reviews; the highest one is the newest."},{"name":"sum","type":"long","doc":"The sum of the ratings of all approved reviews, each from 1 to 5."},{"name":"count","type":"int","doc":"How many approved reviews there are."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  ProductUpdated: {
    topic: 'products',
    subject: 'cartstream.products.ProductUpdated',
    schema: {"type":"record","name":"ProductUpdated","namespace":"cartstream.products","doc":"The description of a product was changed. The event has the whole description after the change.","fields":[{"name":"productId","type":"string","doc":"UUIDv7 of the product."},{"name":"version","type":"int","doc":"Counts the product's own events from 1 without gaps."},{"name":"name","type":"string","doc":"The name that shoppers see."},{"name":"description","type":"string","doc":"Plain text; may be empty."},{"name":"category","type":"string","doc":"Path of the category, e.g. home/lighting."},{"name":"priceMinor","type":"long","doc":"Price of one piece in minor units."},{"name":"currency","type":"string","doc":"ISO 4217 code of every amount in this event."},{"name":"brand","type":["null","string"],"doc":"Maker or label.","default":null},{"name":"tags","type":{"type":"array","items":"string"},"doc":"Free words for search and recommendations."},{"name":"attributes","type":"string","doc":"The product's own attributes as a JSON object of texts, numbers and booleans.","default":"{}"},{"name":"images","type":{"type":"array","items":"string"},"doc":"Addresses of its pictures, the first one for lists.","default":[]},{"name":"groupId","type":["null","string"],"doc":"Products with the same group are variants of one.","default":null},{"name":"ageRestricted","type":"boolean","doc":"True where the buyer has to be of age.","default":false},{"name":"active","type":"boolean","doc":"False while the product must not be shown or sold."},{"name":"featured","type":"boolean","doc":"True while the shop shows it in front.","default":false},{"name":"changed","type":{"type":"array","items":"string"},"doc":"The names of the fields of this event that differ from the version before."},{"name":"changedBy","type":["null","string"],"doc":"The account that changed it.","default":null},{"name":"createdAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the product was created, epoch milliseconds UTC."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  RefundFailed: {
    topic: 'payments',
    subject: 'cartstream.payments.RefundFailed',
    schema: {"type":"record","name":"RefundFailed","namespace":"cartstream.payments","doc":"The provider refused a refund for good, or the bank sent the money of one that was paid back. It is owed to the buyer: staff ask for the refund again or pay it by other means.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"paymentId","type":"string","doc":"UUIDv7 of the payment."},{"name":"refundId","type":"string","doc":"The id of the refund, as in PaymentRefunded."},{"name":"amountMinor","type":"long","doc":"Amount in minor units."},{"name":"currency","type":"string","doc":"ISO 4217 code of every amount in this event."},{"name":"method","type":"string","doc":"card, paypal or crypto."},{"name":"reason","type":"string","doc":"The provider's reason, for example account_closed."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  ReviewModerated: {
    topic: 'reviews',
    subject: 'cartstream.reviews.ReviewModerated',
    schema: {"type":"record","name":"ReviewModerated","namespace":"cartstream.reviews","doc":"A moderator approved or rejected a review, or took that back.","fields":[{"name":"reviewId","type":"string","doc":"UUIDv7 of the review; the record's key."},{"name":"productId","type":"string","doc":"UUIDv7 of the product."},{"name":"status","type":"string","doc":"pending, approved or rejected."},{"name":"moderatedBy","type":"string","doc":"The moderator's account."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  ReviewSubmitted: {
    topic: 'reviews',
    subject: 'cartstream.reviews.ReviewSubmitted',
    schema: {"type":"record","name":"ReviewSubmitted","namespace":"cartstream.reviews","doc":"A buyer reviewed a product. The words are not on the log, because they are a person's and may have to be removed.","fields":[{"name":"reviewId","type":"string","doc":"UUIDv7 of the review; the record's key."},{"name":"productId","type":"string","doc":"UUIDv7 of the product."},{"name":"userId","type":"string","doc":"The author's account."},{"name":"rating","type":"int","doc":"1 to 5."},{"name":"verifiedPurchase","type":"boolean","doc":"True where a confirmed order of the author contains the product."},{"name":"status","type":"string","doc":"pending, approved or rejected."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  Sale: {
    topic: 'sales',
    subject: 'sales-value',
    schema: {"type":"record","name":"Sale","namespace":"cartstream.sales","doc":"One line of a confirmed order, or a negative line for a return or an undone sale. Analytics adds these records up.","fields":[{"name":"event_id","type":"string","doc":"UUIDv7 of this record."},{"name":"order_id","type":"string","doc":"The order; the record's key."},{"name":"line","type":"int","doc":"The line's number in the order, from 0. A refund has the number of the refunded line."},{"name":"product_id","type":"string","doc":"The product sold."},{"name":"category","type":"string","doc":"The product's category path when it was sold."},{"name":"user_id","type":["null","string"],"doc":"The buyer's account; null for a guest.","default":null},{"name":"quantity","type":"int","doc":"Pieces; negative for a refund."},{"name":"amount_minor","type":"long","doc":"Line amount in minor units; negative for a refund."},{"name":"currency","type":"string","doc":"ISO 4217 code."},{"name":"kind","type":"string","doc":"sale or refund."},{"name":"occurred_at","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the order was confirmed, the return accepted or the sale undone, epoch milliseconds UTC."}]},
  },
  Search: {
    topic: 'searches',
    subject: 'searches-value',
    schema: {"type":"record","name":"Search","namespace":"cartstream.searches","doc":"A search of a visit, and what it led to before the visit's next search. Written once, when the visit has ended. Flat, so that any standard tool can read the topic.","fields":[{"name":"event_id","type":"string","doc":"A UUIDv8 derived from the visit, its start and the number of the search."},{"name":"visit_id","type":"string","doc":"The visit; the key of the record."},{"name":"user_id","type":["null","string"],"doc":"The account, where the shopper was logged in.","default":null},{"name":"nth","type":"int","doc":"The number of the search in its visit, from 0."},{"name":"term","type":"string","doc":"The words in lower case, with single blanks between them."},{"name":"product_id","type":["null","string"],"doc":"The first product that was viewed after it; null where none was.","default":null},{"name":"viewed_at","type":["null",{"type":"long","logicalType":"timestamp-millis"}],"doc":"When that was, epoch milliseconds UTC.","default":null},{"name":"added_at","type":["null",{"type":"long","logicalType":"timestamp-millis"}],"doc":"When a product was first put into the cart after it, epoch milliseconds UTC.","default":null},{"name":"occurred_at","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When it was searched for, epoch milliseconds UTC."},{"name":"results","type":["null","int"],"doc":"How many products it found, on all pages; null where that is not known.","default":null}]},
  },
  SettingChanged: {
    topic: 'config',
    subject: 'cartstream.config.SettingChanged',
    schema: {"type":"record","name":"SettingChanged","namespace":"cartstream.config","doc":"An administrator has changed a setting. Every process applies the change without a restart.","fields":[{"name":"key","type":"string","doc":"The name of the setting, such as limits.orders; the record's key."},{"name":"version","type":"int","doc":"Counts the changes of this setting from 1 without gaps. The last record of a key decides, whatever its version."},{"name":"value","type":["null","string"],"doc":"The new value as JSON; null sets the default again.","default":null},{"name":"changedBy","type":"string","doc":"The account of the administrator."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  ShopperActivity: {
    topic: 'shopper-activity',
    subject: 'shopper-activity-value',
    schema: {"type":"record","name":"ShopperActivity","namespace":"cartstream.shopper_activity","doc":"One action of a shopper, or one recommendation shown. Flat, so that any standard tool can read the topic.","fields":[{"name":"event_id","type":"string","doc":"A UUIDv7 from the collector, or a UUIDv8 derived from the visit and the client's eventId."},{"name":"type","type":"string","doc":"product_viewed, product_added, product_removed, checkout_started, products_searched, recommendation_shown or recommendation_clicked."},{"name":"visit_id","type":"string","doc":"The visit's id, chosen by the client; the record's key."},{"name":"user_id","type":["null","string"],"doc":"The account, where the shopper is logged in.","default":null},{"name":"product_id","type":["null","string"],"doc":"The product viewed, added, removed, shown or clicked.","default":null},{"name":"query","type":["null","string"],"doc":"The text of the search.","default":null},{"name":"position","type":["null","int"],"doc":"Place in the list, from 0.","default":null},{"name":"recommendation_id","type":["null","string"],"doc":"The recommendationId of the answer in which the product was shown.","default":null},{"name":"occurred_at","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the shopper did it, epoch milliseconds UTC."},{"name":"results","type":["null","int"],"doc":"How many products the search found, on all pages; null where the client did not say it.","default":null},{"name":"device","type":["null","string"],"doc":"desktop, mobile or tablet: what the client said, or else its browser; null where neither is known.","default":null}]},
  },
  StockAdjusted: {
    topic: 'inventory',
    subject: 'cartstream.inventory.StockAdjusted',
    schema: {"type":"record","name":"StockAdjusted","namespace":"cartstream.inventory","doc":"The pieces on hand of a product were set, restocked or corrected. Keyed by product id.","fields":[{"name":"productId","type":"string","doc":"UUIDv7 of the product."},{"name":"onHand","type":"int","doc":"Pieces on hand after the adjustment."},{"name":"available","type":"int","doc":"On hand minus reserved, after the adjustment."},{"name":"delta","type":"int","doc":"Change of on hand; negative for a loss."},{"name":"stockVersion","type":"long","doc":"Counts the changes of this product's stock."},{"name":"reason","type":"string","doc":"initial, restock, correction, or the operator's words."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  StockCommitted: {
    topic: 'inventory',
    subject: 'cartstream.inventory.StockCommitted',
    schema: {"type":"record","name":"StockCommitted","namespace":"cartstream.inventory","doc":"A hold became a sale: the pieces have left the stock.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"lines","type":{"type":"array","items":{"type":"record","name":"StockCommittedLine","doc":"The pieces that left the stock.","fields":[{"name":"productId","type":"string","doc":"UUIDv7 of the product."},{"name":"quantity","type":"int","doc":"Pieces, at least 1."},{"name":"available","type":"int","doc":"Pieces of this product that can still be sold after this change: on hand minus reserved."},{"name":"stockVersion","type":"long","doc":"Counts the changes of this product's stock. A reader keeps the line with the highest number."}]}},"doc":"The pieces that left the stock."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  StockOut: {
    topic: 'stock-outs',
    subject: 'stock-outs-value',
    schema: {"type":"record","name":"StockOut","namespace":"cartstream.stock_outs","doc":"One line of an order that could not be served from stock: demand that met none. A later revision of the same order and product replaces an earlier one.","fields":[{"name":"event_id","type":"string","doc":"A UUIDv8 derived from the order, the product and the revision."},{"name":"order_id","type":"string","doc":"The order; the key of the record."},{"name":"product_id","type":"string","doc":"The product that fell short."},{"name":"revision","type":"int","doc":"Counts from 1."},{"name":"category","type":["null","string"],"doc":"The category path of the product in the order; null until the order is there.","default":null},{"name":"requested","type":"int","doc":"Pieces that the order requested."},{"name":"available","type":"int","doc":"Pieces that could have been held."},{"name":"unit_price_minor","type":["null","long"],"doc":"Price of one piece in the order, in minor units; null until the order is there.","default":null},{"name":"lost_minor","type":"long","doc":"The sale that was lost with this line, in minor units: all requested pieces at their price, because the whole order ends; 0 until the order is there."},{"name":"currency","type":["null","string"],"doc":"ISO 4217 code; null until the order is there.","default":null},{"name":"user_id","type":["null","string"],"doc":"The account of the buyer; null for a guest.","default":null},{"name":"occurred_at","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the stock was refused, epoch milliseconds UTC."}]},
  },
  StockRejected: {
    topic: 'inventory',
    subject: 'cartstream.inventory.StockRejected',
    schema: {"type":"record","name":"StockRejected","namespace":"cartstream.inventory","doc":"The order cannot be served from stock; nothing is held.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"lines","type":{"type":"array","items":{"type":"record","name":"StockRejectedLine","doc":"The lines that fall short.","fields":[{"name":"productId","type":"string","doc":"UUIDv7 of the product."},{"name":"requested","type":"int","doc":"Pieces that the order requested."},{"name":"available","type":"int","doc":"Pieces that could have been held."}]}},"doc":"The lines that fall short."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  StockReleased: {
    topic: 'inventory',
    subject: 'cartstream.inventory.StockReleased',
    schema: {"type":"record","name":"StockReleased","namespace":"cartstream.inventory","doc":"An order was cancelled: the pieces it held, or had taken already, can be sold again.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"reason","type":"string","doc":"The order's cancellation reason."},{"name":"lines","type":{"type":"array","items":{"type":"record","name":"StockReleasedLine","doc":"The pieces that can be sold again.","fields":[{"name":"productId","type":"string","doc":"UUIDv7 of the product."},{"name":"quantity","type":"int","doc":"Pieces, at least 1."},{"name":"available","type":"int","doc":"Pieces of this product that can still be sold after this change: on hand minus reserved."},{"name":"stockVersion","type":"long","doc":"Counts the changes of this product's stock. A reader keeps the line with the highest number."}]}},"doc":"The pieces that can be sold again."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  StockReserved: {
    topic: 'inventory',
    subject: 'cartstream.inventory.StockReserved',
    schema: {"type":"record","name":"StockReserved","namespace":"cartstream.inventory","doc":"Stock is held for an order, all of its lines or none.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"lines","type":{"type":"array","items":{"type":"record","name":"StockReservedLine","doc":"The pieces that are held.","fields":[{"name":"productId","type":"string","doc":"UUIDv7 of the product."},{"name":"quantity","type":"int","doc":"Pieces, at least 1."},{"name":"available","type":"int","doc":"Pieces of this product that can still be sold after this change: on hand minus reserved."},{"name":"stockVersion","type":"long","doc":"Counts the changes of this product's stock. A reader keeps the line with the highest number."}]}},"doc":"The pieces that are held."},{"name":"expiresAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the order service cancels the order, and so ends the hold, unless the order was confirmed by then; epoch milliseconds UTC."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  StockReturned: {
    topic: 'inventory',
    subject: 'cartstream.inventory.StockReturned',
    schema: {"type":"record","name":"StockReturned","namespace":"cartstream.inventory","doc":"Returned goods are in stock again.","fields":[{"name":"orderId","type":"string","doc":"UUIDv7 of the order; also the id of its saga and the record's key."},{"name":"returnId","type":"string","doc":"UUIDv7 of the return."},{"name":"lines","type":{"type":"array","items":{"type":"record","name":"StockReturnedLine","doc":"The pieces that came back.","fields":[{"name":"productId","type":"string","doc":"UUIDv7 of the product."},{"name":"quantity","type":"int","doc":"Pieces, at least 1."},{"name":"available","type":"int","doc":"Pieces of this product that can still be sold after this change: on hand minus reserved."},{"name":"stockVersion","type":"long","doc":"Counts the changes of this product's stock. A reader keeps the line with the highest number."}]}},"doc":"The pieces that came back."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  UserAddressAdded: {
    topic: 'users',
    subject: 'cartstream.users.UserAddressAdded',
    schema: {"type":"record","name":"UserAddressAdded","namespace":"cartstream.users","doc":"An address was added to an account's address book. The address itself stays in the user service.","fields":[{"name":"userId","type":"string","doc":"UUIDv7 of the account; the record's key."},{"name":"addressId","type":"string","doc":"UUIDv7 of the entry."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  UserAddressRemoved: {
    topic: 'users',
    subject: 'cartstream.users.UserAddressRemoved',
    schema: {"type":"record","name":"UserAddressRemoved","namespace":"cartstream.users","doc":"An address was removed from an account's address book.","fields":[{"name":"userId","type":"string","doc":"UUIDv7 of the account; the record's key."},{"name":"addressId","type":"string","doc":"UUIDv7 of the entry."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  UserContactChanged: {
    topic: 'user-contacts',
    subject: 'cartstream.user_contacts.UserContactChanged',
    schema: {"type":"record","name":"UserContactChanged","namespace":"cartstream.user_contacts","doc":"How an account is reached, as a whole: it replaces what was said of the account before. Only the notification service reads it. Kafka keeps it for seven days, because it contains personal data.","fields":[{"name":"userId","type":"string","doc":"UUIDv7 of the account; the record's key."},{"name":"version","type":"int","doc":"Counts the changes of the account's contact. A reader ignores one that is not higher than the last."},{"name":"email","type":"string","doc":"The e-mail address."},{"name":"isEmailVerified","type":"boolean","doc":"Whether the owner has proved that the address is theirs."},{"name":"name","type":"string","doc":"How the person wants to be addressed."},{"name":"phone","type":["null","string"],"doc":"E.164, with its plus sign; null without one.","default":null},{"name":"devices","type":{"type":"array","items":{"type":"record","name":"PushDevice","doc":"A Web Push subscription.","fields":[{"name":"deviceId","type":"string","doc":"UUIDv7 of the device."},{"name":"endpoint","type":"string","doc":"The https address of the push service."},{"name":"p256dh","type":"string","doc":"The device's public key, base64url."},{"name":"auth","type":"string","doc":"The device's authentication secret, base64url."}]}},"doc":"The devices for push messages."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  UserContactErased: {
    topic: 'user-contacts',
    subject: 'cartstream.user_contacts.UserContactErased',
    schema: {"type":"record","name":"UserContactErased","namespace":"cartstream.user_contacts","doc":"The account was erased: the reader deletes all that it stores about the account. It follows all other records of the account.","fields":[{"name":"userId","type":"string","doc":"UUIDv7 of the account; the record's key."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  UserDeviceAdded: {
    topic: 'users',
    subject: 'cartstream.users.UserDeviceAdded',
    schema: {"type":"record","name":"UserDeviceAdded","namespace":"cartstream.users","doc":"A device was registered for push messages. Its endpoint and keys are not on this topic.","fields":[{"name":"userId","type":"string","doc":"UUIDv7 of the account; the record's key."},{"name":"deviceId","type":"string","doc":"UUIDv7 of the device."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  UserDeviceRemoved: {
    topic: 'users',
    subject: 'cartstream.users.UserDeviceRemoved',
    schema: {"type":"record","name":"UserDeviceRemoved","namespace":"cartstream.users","doc":"A device gets no more push messages.","fields":[{"name":"userId","type":"string","doc":"UUIDv7 of the account; the record's key."},{"name":"deviceId","type":"string","doc":"UUIDv7 of the device."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  UserEmailVerified: {
    topic: 'users',
    subject: 'cartstream.users.UserEmailVerified',
    schema: {"type":"record","name":"UserEmailVerified","namespace":"cartstream.users","doc":"The owner of an account has proved that its e-mail address is theirs.","fields":[{"name":"userId","type":"string","doc":"UUIDv7 of the account; the record's key."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  UserErased: {
    topic: 'users',
    subject: 'cartstream.users.UserErased',
    schema: {"type":"record","name":"UserErased","namespace":"cartstream.users","doc":"The owner of an account had it erased. Whoever stores personal data under this id deletes it; amounts and pieces stay. Nothing leads from the id to the person any more.","fields":[{"name":"userId","type":"string","doc":"UUIDv7 of the account; the record's key."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  UserPasswordChanged: {
    topic: 'users',
    subject: 'cartstream.users.UserPasswordChanged',
    schema: {"type":"record","name":"UserPasswordChanged","namespace":"cartstream.users","doc":"An account has a new password, and all its sessions have ended.","fields":[{"name":"userId","type":"string","doc":"UUIDv7 of the account; the record's key."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  UserProfileChanged: {
    topic: 'users',
    subject: 'cartstream.users.UserProfileChanged',
    schema: {"type":"record","name":"UserProfileChanged","namespace":"cartstream.users","doc":"Fields of an account were changed. Their values stay in the user service.","fields":[{"name":"userId","type":"string","doc":"UUIDv7 of the account; the record's key."},{"name":"fields","type":{"type":"array","items":"string"},"doc":"The names of the changed fields: name, phone."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  UserRegistered: {
    topic: 'users',
    subject: 'cartstream.users.UserRegistered',
    schema: {"type":"record","name":"UserRegistered","namespace":"cartstream.users","doc":"An account was opened. Name and e-mail stay in the user service.","fields":[{"name":"userId","type":"string","doc":"UUIDv7 of the account; the record's key."},{"name":"roles","type":{"type":"array","items":"string"},"doc":"customer, support, analyst, admin."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  UserRolesChanged: {
    topic: 'users',
    subject: 'cartstream.users.UserRolesChanged',
    schema: {"type":"record","name":"UserRolesChanged","namespace":"cartstream.users","doc":"The roles of an account were changed.","fields":[{"name":"userId","type":"string","doc":"UUIDv7 of the account; the record's key."},{"name":"roles","type":{"type":"array","items":"string"},"doc":"customer, support, analyst, admin."},{"name":"changedBy","type":"string","doc":"The account of the administrator who changed them; the account itself when the service sets up its administrator at start."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  UserSessionEnded: {
    topic: 'users',
    subject: 'cartstream.users.UserSessionEnded',
    schema: {"type":"record","name":"UserSessionEnded","namespace":"cartstream.users","doc":"A session was ended before it expired: its refresh tokens are refused from now on.","fields":[{"name":"userId","type":"string","doc":"UUIDv7 of the account; the record's key."},{"name":"sessionId","type":"string","doc":"UUIDv7 of the session."},{"name":"reason","type":"string","doc":"logout, ended_by_user, token_reuse (a refresh token came back that the session had left behind) or password_changed."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  UserTokenIssued: {
    topic: 'user-contacts',
    subject: 'cartstream.user_contacts.UserTokenIssued',
    schema: {"type":"record","name":"UserTokenIssued","namespace":"cartstream.user_contacts","doc":"A single-use token that reaches the account's owner by e-mail. The user service stores only its digest. It is good until it expires, is used, or is replaced.","fields":[{"name":"userId","type":"string","doc":"UUIDv7 of the account; the record's key."},{"name":"tokenId","type":"string","doc":"UUIDv7; one message is sent for each."},{"name":"purpose","type":"string","doc":"verify_email or reset_password."},{"name":"token","type":"string","doc":"For POST /api/auth/verify-email or /api/auth/password-reset/confirm."},{"name":"email","type":"string","doc":"Where to send it."},{"name":"name","type":"string","doc":"How the person wants to be addressed."},{"name":"expiresAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the token ends, epoch milliseconds UTC."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the event happened at its source, epoch milliseconds UTC."}]},
  },
  Visit: {
    topic: 'visits',
    subject: 'visits-value',
    schema: {"type":"record","name":"Visit","namespace":"cartstream.visits","doc":"A visit that has ended: no action of it followed for half an hour. Flat, so that any standard tool can read the topic.","fields":[{"name":"event_id","type":"string","doc":"A UUIDv8 derived from the visit and its start, so the same visit has the same id whenever it is computed."},{"name":"visit_id","type":"string","doc":"The id that the client chose; the key of the record. After half an hour of silence it begins a new visit."},{"name":"user_id","type":["null","string"],"doc":"The account with which the shopper was logged in, or ordered.","default":null},{"name":"started_at","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"The first action, epoch milliseconds UTC."},{"name":"entry_product_id","type":["null","string"],"doc":"The first product that was viewed, added or clicked.","default":null},{"name":"exit_product_id","type":["null","string"],"doc":"The last one.","default":null},{"name":"path","type":"string","doc":"The products in the order in which they were viewed, added or clicked, separated by spaces; the first 50 steps, and a product after itself only once."},{"name":"actions","type":"int","doc":"Everything that the shopper did."},{"name":"views","type":"int","doc":"Products viewed."},{"name":"adds","type":"int","doc":"Products added to the cart."},{"name":"removes","type":"int","doc":"Products removed from the cart."},{"name":"searches","type":"int","doc":"Searches."},{"name":"clicks","type":"int","doc":"Recommendations clicked."},{"name":"checkouts","type":"int","doc":"Checkouts started."},{"name":"orders","type":"int","doc":"Orders placed."},{"name":"abandoned","type":"boolean","doc":"True when more was added than removed and nothing was ordered."},{"name":"occurred_at","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"The last action, epoch milliseconds UTC."},{"name":"device","type":["null","string"],"doc":"desktop, mobile or tablet: that of the last action that has one, and so of the order where there is one.","default":null}]},
  },
} as const satisfies Record<EventType, { topic: string; subject: string; schema: object }>;

/**
 * The topic of each record, its subject in the registry and its schema. The field `value` does not exist at run time:
 * it is the type of the record for the compiler.
 */
export const records: { readonly [T in EventType]: (typeof places)[T] & { readonly value?: EventMap[T] } } =
  places;
