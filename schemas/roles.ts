/** The roles of accounts. Everybody who registers is a customer; admins grant the others. */
export const roles = ['customer', 'support', 'analyst', 'admin'] as const;

export type Role = (typeof roles)[number];

/** The roles that may see other people's orders. */
export const staff: readonly Role[] = ['support', 'admin'];
