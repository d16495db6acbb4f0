import { type ServiceName, services } from '../table.js';

/** `path` is a Fastify pattern for itself and for all below it; of two that fit, the more specific one is taken. */
export type Forwarding = { path: string; to: ServiceName };

export const forwardings: readonly Forwarding[] = services.flatMap(({ name, paths }) =>
  paths.map((path) => ({ path, to: name })),
);

export type Limit = { requestsMax: number; windowMs: number };

const minuteMs = 60_000;

/** Strict limits, each counted apart. A client is an account, or an address where nobody is logged in. */
export const limits = {
  general: { requestsMax: 200, windowMs: minuteMs },
  products: { requestsMax: 100, windowMs: minuteMs },
  orders: { requestsMax: 50, windowMs: minuteMs },
  payments: { requestsMax: 30, windowMs: minuteMs },
  loginsOfAccount: { requestsMax: 5, windowMs: 15 * minuteMs },
  loginsFromAddress: { requestsMax: 100, windowMs: 15 * minuteMs },
  registrationsOfAccount: { requestsMax: 5, windowMs: 15 * minuteMs },
  registrationsFromAddress: { requestsMax: 20, windowMs: 15 * minuteMs },
} as const satisfies Record<string, Limit>;

export type LimitName = keyof typeof limits;

/** Counted by the address in the network also for somebody logged in, who may have made many accounts. */
export const limitsOfAddresses: ReadonlySet<LimitName> = new Set([
  'loginsFromAddress',
  'registrationsFromAddress',
]);

/** What is besides counted by the e-mail address in the body, for each path that takes one from anybody. */
export const limitsOfAccounts: Readonly<Record<string, LimitName>> = {
  '/api/auth/login': 'loginsOfAccount',
  '/api/auth/register': 'registrationsOfAccount',
};

const writes = ['POST', 'PUT', 'PATCH', 'DELETE'];

/**
 * The first that fits decides; without one it is `general`. Orders and payments are limited where they are made:
 * a buyer asks again and again how an order is, and that must not use up the limit of the next order.
 */
const limitRules: readonly { methods?: readonly string[]; below: string; limit: LimitName }[] = [
  { methods: ['POST'], below: '/api/auth/login', limit: 'loginsFromAddress' },
  { methods: ['POST'], below: '/api/auth/register', limit: 'registrationsFromAddress' },
  { below: '/api/products/search', limit: 'products' },
  { methods: writes, below: '/api/products', limit: 'products' },
  { methods: writes, below: '/api/orders', limit: 'orders' },
  { methods: writes, below: '/api/payments', limit: 'payments' },
];

/**
 * Which limit a request counts against; undefined for what is not limited (health, metrics, documents). `path`
 * is as `pathOf` gives it.
 */
export const limitOf = (method: string, path: string): LimitName | undefined => {
  if (!path.startsWith('/api/')) return undefined;
  const rule = limitRules.find(
    ({ methods, below }) =>
      (path === below || path.startsWith(`${below}/`)) && (methods === undefined || methods.includes(method)),
  );
  return rule?.limit ?? 'general';
};
