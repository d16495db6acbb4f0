import { type ServiceName, services } from '../table.js';

/** `path` stands for itself and everything below it; of two that match, the more specific one is used. */
export type Forwarding = { path: string; to: ServiceName };

export const forwardings: readonly Forwarding[] = services.flatMap(({ name, paths }) =>
  paths.map((path) => ({ path, to: name })),
);

/** `isExact`: counted together with the other instances before each answer; see `createRequestCounter`. */
export type Limit = { requestsMax: number; windowMs: number; isExact: boolean };

const minuteMs = 60_000;

/** The strict limits, each counted separately. A client is an account, or an address if nobody is logged in. */
export const limits = {
  general: { requestsMax: 200, windowMs: minuteMs, isExact: false },
  products: { requestsMax: 100, windowMs: minuteMs, isExact: false },
  orders: { requestsMax: 50, windowMs: minuteMs, isExact: false },
  /**
   * What is ordered is written to the address that a guest gives, whoever's it is. A household may order a few times, and
   * tries again when a payment fails. Not exact: the first orders of an address wait for no round trip, the later ones do.
   */
  ordersOfGuest: { requestsMax: 10, windowMs: 15 * minuteMs, isExact: false },
  payments: { requestsMax: 30, windowMs: minuteMs, isExact: false },
  /** A provider reports all payments of the shop from a few addresses, and what is refused comes hours later or never. */
  paymentWebhooks: { requestsMax: 6_000, windowMs: minuteMs, isExact: false },
  loginsOfAccount: { requestsMax: 5, windowMs: 15 * minuteMs, isExact: true },
  loginsFromAddress: { requestsMax: 100, windowMs: 15 * minuteMs, isExact: true },
  registrationsOfAccount: { requestsMax: 5, windowMs: 15 * minuteMs, isExact: true },
  registrationsFromAddress: { requestsMax: 20, windowMs: 15 * minuteMs, isExact: true },
  passwordResetsOfAccount: { requestsMax: 5, windowMs: 15 * minuteMs, isExact: true },
  passwordResetsFromAddress: { requestsMax: 20, windowMs: 15 * minuteMs, isExact: true },
  /** Tokens that were sent by e-mail and come back. */
  mailedTokensFromAddress: { requestsMax: 50, windowMs: 15 * minuteMs, isExact: true },
  verificationsSent: { requestsMax: 5, windowMs: 15 * minuteMs, isExact: true },
  exports: { requestsMax: 5, windowMs: 15 * minuteMs, isExact: true },
  passwordChanges: { requestsMax: 5, windowMs: 15 * minuteMs, isExact: true },
} as const satisfies Record<string, Limit>;

export type LimitName = keyof typeof limits;

/** Limits counted by network address also for logged-in callers, because one person may have created many accounts. */
export const limitsOfAddresses: ReadonlySet<LimitName> = new Set([
  'loginsFromAddress',
  'registrationsFromAddress',
  'passwordResetsFromAddress',
  'mailedTokensFromAddress',
]);

/** Who is logged in gives no address there, and is written to at the account's own. */
export const guestOrderPath = '/api/orders';

/** Limits that are also counted by the e-mail address in the body, for the paths that accept one without a login. */
export const limitsOfEmails: Readonly<Record<string, LimitName>> = {
  '/api/auth/login': 'loginsOfAccount',
  '/api/auth/register': 'registrationsOfAccount',
  '/api/auth/password-reset': 'passwordResetsOfAccount',
  [guestOrderPath]: 'ordersOfGuest',
};

const writes = ['POST', 'PUT', 'PATCH', 'DELETE'];

/**
 * The first rule that matches decides; without one it is `general`. Of orders and payments only writes have a
 * limit of their own: a buyer polls an order's status often, and that must not use up the limit for the next order.
 */
const limitRules: readonly { methods?: readonly string[]; below: string; limit: LimitName }[] = [
  { methods: ['POST'], below: '/api/auth/login', limit: 'loginsFromAddress' },
  { methods: ['POST'], below: '/api/auth/register', limit: 'registrationsFromAddress' },
  { methods: ['POST'], below: '/api/auth/password-reset/confirm', limit: 'mailedTokensFromAddress' },
  { methods: ['POST'], below: '/api/auth/password-reset', limit: 'passwordResetsFromAddress' },
  { methods: ['POST'], below: '/api/auth/verify-email/resend', limit: 'verificationsSent' },
  { methods: ['POST'], below: '/api/auth/verify-email', limit: 'mailedTokensFromAddress' },
  { below: '/api/users/me/export', limit: 'exports' },
  { methods: ['PUT'], below: '/api/users/me/password', limit: 'passwordChanges' },
  { below: '/api/products/search', limit: 'products' },
  { methods: writes, below: '/api/products', limit: 'products' },
  { methods: writes, below: '/api/orders', limit: 'orders' },
  { methods: writes, below: '/api/payments/webhooks', limit: 'paymentWebhooks' },
  { methods: writes, below: '/api/payments', limit: 'payments' },
];

/** Those that a method can match, sorted out beforehand: of a read, which is most of what is asked, two of all. */
const rulesOfMethod = (method: string) =>
  limitRules
    .filter(({ methods }) => methods === undefined || methods.includes(method))
    .map(({ below, limit }) => ({ below, inside: `${below}/`, limit }));
const rulesOfWrites = new Map(writes.map((method) => [method, rulesOfMethod(method)]));
const rulesOfReads = rulesOfMethod('GET');

/**
 * The limit against which a request counts; undefined for requests without a limit (health, metrics, documents). `path`
 * is the result of `pathOf`.
 */
export const limitOf = (method: string, path: string): LimitName | undefined => {
  if (!path.startsWith('/api/')) return undefined;
  for (const { below, inside, limit } of rulesOfWrites.get(method) ?? rulesOfReads)
    if (path === below || path.startsWith(inside)) return limit;
  return 'general';
};
