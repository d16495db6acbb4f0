/** The types of `ShopperActivity`: what a shopper can do. */
export const shopperActions = [
  'product_viewed',
  'product_added',
  'product_removed',
  'checkout_started',
  'products_searched',
  'recommendation_shown',
  'recommendation_clicked',
] as const;
