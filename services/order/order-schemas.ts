import { z } from 'zod';
import { emailAddress, line, matching, text, uuid } from '#platform/http/text';
import { cartIdCharsMax, cartIdHeader } from '#schemas/cart-id';
import { countries } from '#schemas/country';
import { itemsMax, piecesOfProductMax } from '#schemas/order-bounds';
import { paymentMethods } from '#schemas/payment-methods';
import { paymentStatuses } from '#schemas/payment-status';
import type { EventPlace } from './event-place-reads.js';
import { isSoldStatus, orderStatuses, refundableMinor, type Shipment } from './order.js';
import type { OrderView } from './order-view.js';
import type { TimelineEntry } from './timeline.js';

const money = z.object({
  amountMinor: z.int().describe('In minor units.'),
  currency: z.string().describe('ISO 4217.'),
});

const item = z.strictObject({
  productId: uuid,
  quantity: z.int().min(1).max(piecesOfProductMax),
});

export const itemsBody = z
  .array(item)
  .min(1)
  .max(itemsMax)
  .describe(
    `Items of the same product become one line with their sum, at most ${piecesOfProductMax} pieces.`,
  );

const addressShape = {
  name: line(200),
  line1: line(200),
  line2: line(200).optional(),
  city: line(100),
  postalCode: line(20),
  country: z.enum(countries as [string, ...string[]]).describe('ISO 3166-1 alpha-2.'),
};

export const placeOrderBody = z.strictObject({
  items: itemsBody,
  shippingAddress: z.strictObject(addressShape),
  payment: z.strictObject({
    method: z.enum(paymentMethods),
    token: matching(200, /^[\x21-\x7e]{1,200}$/).describe(
      'From the payment provider. The sandbox accepts tok_ok, tok_declined, tok_flaky and more.',
    ),
  }),
  email: emailAddress.optional().describe('Required if the caller is not logged in.'),
});

export const orderTokenHeader = z.object({
  'x-order-token': text(200).optional().describe('The `orderToken` that a guest received with the order.'),
});

export const placeOrderHeaders = z.object({
  'x-visit-id': matching(64, /^[\w.:-]{1,64}$/)
    .optional()
    .describe('The id of the visit in which the order was placed.'),
  [cartIdHeader]: text(cartIdCharsMax)
    .optional()
    .describe('The id of the guest’s cart that is ordered. What is ordered is taken out of it.'),
  'x-order-token': matching(200, /^[\w-]{32,200}$/)
    .optional()
    .describe(
      'For guests: the token of the order, which the client may choose at random. A repeat of the request with it ' +
        'receives the whole answer again; the answer to a repeat without it has no `orderToken`.',
    ),
});

export const acceptedSchema = z
  .object({
    id: z.uuid(),
    status: z.literal('pending'),
    statusUrl: z.string(),
    orderToken: z
      .string()
      .optional()
      .describe(
        'For guests: send it as X-Order-Token to read this order. The answer to a repeat has it only if the repeat sends it.',
      ),
  })
  .meta({ id: 'AcceptedOrder' });

export const statusSchema = z
  .object({
    status: z.enum(orderStatuses),
    reason: z
      .string()
      .optional()
      .describe(
        'Why the order was cancelled: out_of_stock, payment_declined, payment_unavailable, payment_failed, timed_out or customer.',
      ),
  })
  .meta({ id: 'OrderStatus' });

export const orderSchema = z
  .object({
    id: z.uuid(),
    ...statusSchema.shape,
    items: z.array(
      z.object({
        productId: z.uuid(),
        name: z.string(),
        quantity: z.int(),
        returned: z
          .int()
          .describe(
            'How many of these pieces were returned. Those returned before the goods leave are not sent.',
          ),
        unitPrice: money,
      }),
    ),
    total: money,
    refundable: money.describe(
      'Goods that are sent back from now on are refunded up to this: what went back before is taken off, and what staff have refunded.',
    ),
    // Not validated: stored addresses keep the form that was accepted when the order was placed.
    shippingAddress: z.object({
      name: z.string(),
      line1: z.string(),
      line2: z.string().optional(),
      city: z.string(),
      postalCode: z.string(),
      country: z.string(),
    }),
    payment: z.object({
      id: z.uuid().nullable().describe('Null until the payment service has answered.'),
      method: z.string(),
      status: z.enum(paymentStatuses),
    }),
    shipment: z
      .object({ carrier: z.string().optional(), trackingNumber: z.string().optional() })
      .optional()
      .describe('From when the goods are on their way.'),
    givesUpAt: z.iso
      .datetime()
      .optional()
      .describe(
        'Of an order that is not confirmed yet: when it is cancelled unless it is confirmed before. A declined payment moves it to when the last try may be.',
      ),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: 'Order' });

const forStaff = {
  eventId: z.string().optional().describe('For staff, as everything below.'),
  causationId: z.string().nullable().optional().describe('The event that has caused it; null for a request.'),
  correlationId: z.string().nullable().optional(),
  traceId: z.string().nullable().optional(),
  attempt: z
    .int()
    .nullable()
    .optional()
    .describe('Counts from 1 how often the order service has tried to handle it, until it succeeded.'),
  topic: z.string().nullable().optional(),
  partition: z.int().nullable().optional(),
  offset: z
    .int()
    .nullable()
    .optional()
    .describe('Of the order’s own events once ClickHouse has them, some seconds after they are published.'),
};

const ofShipped = 'Of `shipped`, where it stays if it is left out; `delivered` changes nothing of it.';

export const fulfilmentBody = z.strictObject({
  status: z.enum(['shipped', 'delivered']),
  carrier: line(100).optional().describe(ofShipped),
  trackingNumber: line(100).optional().describe(ofShipped),
});

export const timelineSchema = z
  .object({
    items: z.array(
      z.object({
        type: z.string(),
        service: z.string(),
        occurredAt: z.iso.datetime(),
        data: z.record(z.string(), z.unknown()),
        ...forStaff,
      }),
    ),
  })
  .meta({ id: 'OrderTimeline' });

export const returnSchema = z
  .object({
    id: z.uuid(),
    orderId: z.uuid(),
    items: z.array(z.object({ productId: z.uuid(), quantity: z.int() })),
    refund: money,
    isFull: z.boolean().describe('True when the customer has now returned every piece of the order.'),
  })
  .meta({ id: 'OrderReturn' });

export const shownStatus = ({ status, reason }: Pick<OrderView, 'status' | 'reason'>) => ({
  status,
  ...(reason === null ? {} : { reason }),
});

export const shown = (order: OrderView): z.output<typeof orderSchema> => ({
  id: order.orderId,
  ...shownStatus(order),
  items: order.lines.map(({ productId, name, quantity, returned, unitPriceMinor }) => ({
    productId,
    name,
    quantity,
    returned,
    unitPrice: { amountMinor: unitPriceMinor, currency: order.currency },
  })),
  total: { amountMinor: order.totalMinor, currency: order.currency },
  refundable: {
    amountMinor: isSoldStatus(order.status) ? refundableMinor(order) : 0,
    currency: order.currency,
  },
  shippingAddress: order.shippingAddress,
  payment: { id: order.paymentId, method: order.paymentMethod, status: paymentStatusOf(order) },
  ...(order.shipment === null ? {} : { shipment: shownShipment(order.shipment) }),
  ...(order.dueAt === null ? {} : { givesUpAt: order.dueAt.toISOString() }),
  createdAt: order.createdAt.toISOString(),
  updatedAt: order.updatedAt.toISOString(),
});

/**
 * The payment service publishes no event for a payment that ended before its authorisation, so the order's status
 * decides.
 */
const paymentStatusOf = ({ status, paymentStatus }: OrderView) =>
  status === 'cancelled' && paymentStatus === 'pending' ? 'cancelled' : paymentStatus;

const shownShipment = ({ carrier, trackingNumber }: Shipment) => ({
  ...(carrier === null ? {} : { carrier }),
  ...(trackingNumber === null ? {} : { trackingNumber }),
});

export const shownEntry = ({ type, service, occurredAt, data }: TimelineEntry) => ({
  type,
  service,
  occurredAt: occurredAt.toISOString(),
  data,
});

/** `place` is where ClickHouse has found the event, if it has. */
export const shownToStaff = (
  entry: TimelineEntry,
  place: EventPlace | undefined,
): z.output<typeof timelineSchema>['items'][number] => {
  const { eventId, origin } = entry;
  return {
    ...shownEntry(entry),
    eventId,
    causationId: origin?.causationId ?? null,
    correlationId: origin?.correlationId ?? null,
    traceId: origin?.traceparent?.split('-')[1] ?? null,
    attempt: origin?.attempt ?? null,
    topic: origin?.topic ?? place?.topic ?? null,
    partition: origin?.partition ?? place?.partition ?? null,
    offset: origin?.offset ?? place?.offset ?? null,
  };
};
