import type { OrderConfirmed } from '#schemas/events';

/** What a buyer has and so wishes no longer; nothing for a guest. */
export const fulfilledBy = ({
  userId,
  lines,
}: OrderConfirmed): { userId: string; productIds: string[] } | null =>
  userId === null ? null : { userId, productIds: lines.map(({ productId }) => productId) };
