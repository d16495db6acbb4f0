/** What a shopper holds: the values of `device` in shopper activity and visits. */
export const devices = ['desktop', 'mobile', 'tablet'] as const;

export type Device = (typeof devices)[number];
