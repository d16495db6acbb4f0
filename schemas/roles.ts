/** What an account may be. Everybody who registers is a customer; an admin gives the others. */
export const roles = ['customer', 'support', 'analyst', 'admin'] as const;

export type Role = (typeof roles)[number];

/** Who looks after other people's orders. */
export const staff: readonly Role[] = ['support', 'admin'];
