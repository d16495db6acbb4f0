import type { EventMap } from '#schemas/events';

export const templates = ['order_confirmed', 'order_cancelled', 'order_returned'] as const;

export type Template = (typeof templates)[number];

/** What a buyer is to be told, and what the text will be made of. */
export type Notification = {
  template: Template;
  orderId: string;
  /** Null for a guest. */
  userId: string | null;
  data: Record<string, string | number | boolean>;
};

type Told = Pick<EventMap, 'OrderConfirmed' | 'OrderCancelled' | 'OrderReturned'>;

/** Which facts a buyer hears of: the table from event to notification. */
export const notificationOf: { [T in keyof Told]: (event: Told[T]) => Notification } = {
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
  OrderReturned: ({ orderId, userId, refundMinor, currency, isFull }) => ({
    template: 'order_returned',
    orderId,
    userId,
    data: { amountMinor: refundMinor, currency, isFull },
  }),
};
