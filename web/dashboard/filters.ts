/** Filters of the semantic query; none for what is not asked about. */

export const underCategory = (category: string | undefined) =>
  category === undefined
    ? []
    : [{ dimension: 'category' as const, operator: 'under' as const, values: [category] }];

export const ofProducts = (productIds: readonly string[]) => [
  { dimension: 'productId' as const, operator: 'equals' as const, values: [...productIds] },
];

/** Minor units of different currencies are no order: fifty rows could all be of another one. */
export const inCurrency = (currency: string | undefined) =>
  currency === undefined
    ? []
    : [{ dimension: 'currency' as const, operator: 'equals' as const, values: [currency] }];
