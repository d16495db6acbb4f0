import { z } from 'zod';
import { emailAddress, line, matching, text, uuid } from '#platform/http/text';
import { countries } from '#schemas/country';
import { orderStatuses } from './order.js';
import type { OrderView } from './order-view.js';
import type { TimelineEntry } from './timeline.js';

export const piecesOfProductMax = 1000;
export const itemsMax = 100;

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
  .describe(`A product named twice is one line with the sum, ${piecesOfProductMax} pieces at most.`);

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
    method: z.enum(['card', 'paypal', 'crypto']),
    token: matching(200, /^[\x21-\x7e]{1,200}$/).describe(
      'From the payment provider. The sandbox knows tok_ok, tok_declined, tok_flaky and more.',
    ),
  }),
  email: emailAddress.optional().describe('Required of a guest.'),
});

export const orderTokenHeader = z.object({
  'x-order-token': text(200).optional().describe('What a guest got with the order.'),
});

export const placeOrderHeaders = z.object({
  'x-visit-id': matching(64, /^[\w.:-]{1,64}$/)
    .optional()
    .describe('The visit the order comes from.'),
  'x-order-token': matching(200, /^[\w-]{32,200}$/)
    .optional()
    .describe(
      'Of a guest: the token of the order, chosen at random by the client. Whoever repeats the request with it gets ' +
        'the whole answer again; without it the answer to a repeat has no `orderToken`.',
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
        'For a guest: good for this order alone, as X-Order-Token. Not in the answer to a repeat that does not present it.',
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
        'Of a cancelled one: out_of_stock, payment_declined, payment_unavailable, payment_failed or timed_out.',
      ),
  })
  .meta({ id: 'OrderStatus' });

export const paymentStatuses = [
  'pending',
  'authorized',
  'captured',
  'failed',
  'declined',
  'voided',
  'cancelled',
  'partially_refunded',
  'refunded',
] as const;

export const orderSchema = z
  .object({
    id: z.uuid(),
    ...statusSchema.shape,
    items: z.array(z.object({ productId: z.uuid(), name: z.string(), quantity: z.int(), unitPrice: money })),
    total: money,
    // As it was taken at the time, whatever is asked of an address since then.
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
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: 'Order' });

export const timelineSchema = z
  .object({
    items: z.array(
      z.object({
        type: z.string(),
        service: z.string(),
        occurredAt: z.iso.datetime(),
        data: z.record(z.string(), z.unknown()),
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
    isFull: z.boolean().describe('True when nothing of the order is left with the customer.'),
  })
  .meta({ id: 'OrderReturn' });

export const shownStatus = ({ status, reason }: Pick<OrderView, 'status' | 'reason'>) => ({
  status,
  ...(reason === null ? {} : { reason }),
});

export const shown = (order: OrderView): z.output<typeof orderSchema> => ({
  id: order.orderId,
  ...shownStatus(order),
  items: order.lines.map(({ productId, name, quantity, unitPriceMinor }) => ({
    productId,
    name,
    quantity,
    unitPrice: { amountMinor: unitPriceMinor, currency: order.currency },
  })),
  total: { amountMinor: order.totalMinor, currency: order.currency },
  shippingAddress: order.shippingAddress,
  payment: { id: order.paymentId, method: order.paymentMethod, status: paymentStatusOf(order) },
  createdAt: order.createdAt.toISOString(),
  updatedAt: order.updatedAt.toISOString(),
});

/** The payment service publishes what happens to money: of a payment that ended before any was guaranteed, nothing. */
const paymentStatusOf = ({ status, paymentStatus }: OrderView) =>
  status === 'cancelled' && paymentStatus === 'pending' ? 'cancelled' : paymentStatus;

export const shownEntry = ({ occurredAt, ...entry }: TimelineEntry) => ({
  ...entry,
  occurredAt: occurredAt.toISOString(),
});
