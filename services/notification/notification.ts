import type { EventMap } from '#schemas/events';

export const templates = [
  'order_confirmed',
  'order_cancelled',
  'order_shipped',
  'order_delivered',
  'order_returned',
] as const;

export type Template = (typeof templates)[number];

/** A message to a buyer: its type and the data for its text. */
export type Notification = {
  template: Template;
  orderId: string;
  /** Null for a guest. */
  userId: string | null;
  data: Record<string, string | number | boolean>;
};

type Reported = Pick<
  EventMap,
  'OrderConfirmed' | 'OrderCancelled' | 'OrderShipped' | 'OrderDelivered' | 'OrderReturned'
>;

/** The notification of each event that buyers are informed about. */
export const notificationOf: { [T in keyof Reported]: (event: Reported[T]) => Notification } = {
  OrderConfirmed: ({ orderId, userId, totalMinor, currency }) => ({
    template: 'order_confirmed',
    orderId,
    userId,
    data: { amountMinor: totalMinor, currency },
  }),
  OrderCancelled: ({ orderId, userId, reason }) => ({
    template: 'order_cancelled',
    orderId,
    userId,
    data: { reason },
  }),
  OrderShipped: ({ orderId, userId, carrier, trackingNumber }) => ({
    template: 'order_shipped',
    orderId,
    userId,
    data: {
      ...(carrier === null ? {} : { carrier }),
      ...(trackingNumber === null ? {} : { trackingNumber }),
    },
  }),
  OrderDelivered: ({ orderId, userId }) => ({ template: 'order_delivered', orderId, userId, data: {} }),
  OrderReturned: ({ orderId, userId, refundMinor, currency, isFull }) => ({
    template: 'order_returned',
    orderId,
    userId,
    data: { amountMinor: refundMinor, currency, isFull },
  }),
};
