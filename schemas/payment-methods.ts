/** How an order can be paid. On the log a method is text, so that readers pass on one that they do not know. */
export const paymentMethods = ['card', 'paypal', 'crypto'] as const;
