/**
 * What an API key may be allowed to do: the first step of a path below `/api`, with `read` for GET and `write` for the
 * other methods. There is none for accounts, logins and the keys themselves, so no key reaches those.
 */
export const scopes = [
  'products:read',
  'products:write',
  'categories:read',
  'categories:write',
  'inventory:read',
  'inventory:write',
  'cart:read',
  'cart:write',
  'orders:read',
  'orders:write',
  'payments:read',
  'payments:write',
  'reviews:read',
  'reviews:write',
  'notifications:read',
  'notifications:write',
  'analytics:read',
  'recommendations:read',
  'recommendations:write',
  'events:write',
  'live:read',
  'config:read',
  'config:write',
  'ops:read',
  'ops:write',
] as const;

export type Scope = (typeof scopes)[number];
