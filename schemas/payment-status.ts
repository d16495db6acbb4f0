/** The statuses by which the payment service shows a payment, and the order service the payment of an order. */
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

export type PaymentStatusShown = (typeof paymentStatuses)[number];
