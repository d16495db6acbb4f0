/**
 * Who may do what: every operation of the OpenAPI document, with the status that each kind of caller gets for each kind
 * of object. `access.e2e.test.ts` asks them all; an operation without a row here fails it. To add an operation, add a
 * line; if its path has a parameter, the line has `missing` too, and `things` in that file says what the parameter stands
 * for.
 */

/** `customer` and `other` have customers' things of their own. */
export const callers = ['anonymous', 'customer', 'other', 'support', 'analyst', 'admin'] as const;

export type Caller = (typeof callers)[number];

/** One for each of `callers`, in their order. */
export type Statuses = readonly [number, number, number, number, number, number];

export type Row = {
  /**
   * For an object of `customer`. That `other` gets for their own what `customer` gets here, and the reverse, is asked
   * too.
   */
  statuses: Statuses;
  /** For an object that does not exist: required where the path has a parameter. */
  missing?: Statuses;
  query?: string;
  /** An empty body is answered with 400 if the caller may send one, so no request changes anything. */
  body?: object;
  /** A request that succeeds changes its object, so each caller gets a new one. */
  changes?: true;
};

const all = (status: number): Statuses => [status, status, status, status, status, status];
const empty = {};

const everybody: Row = { statuses: all(200) };
const everybodyOfThing: Row = { ...everybody, missing: all(404) };
const everybodyWrites: Row = { statuses: all(400), body: empty };
const loggedIn: Row = { statuses: [401, 200, 200, 200, 200, 200] };
const loggedInRefused: Row = { statuses: [401, 400, 400, 400, 400, 400] };
const loggedInWrites: Row = { ...loggedInRefused, body: empty };
/** What is an account's alone: not even an admin sees or removes it. */
const ownersOfThing: Row = {
  statuses: [401, 200, 404, 404, 404, 404],
  missing: [401, 404, 404, 404, 404, 404],
};
const ownersRemove: Row = { ...ownersOfThing, statuses: [401, 204, 404, 404, 404, 404], changes: true };
const ownList: Row = { statuses: [401, 200, 403, 200, 403, 200], query: '?userId={customerId}' };

const roles = (support: number, analyst: number, admin: number): Statuses => [
  401,
  403,
  403,
  support,
  analyst,
  admin,
];
const admins: Row = { statuses: roles(403, 403, 200) };
const adminsOfThing: Row = { ...admins, missing: roles(403, 403, 404) };
const adminsWrite: Row = { statuses: roles(403, 403, 400), body: empty };
/** The body is refused before the thing is looked for. */
const adminsWriteThing: Row = { ...adminsWrite, missing: roles(403, 403, 400) };
/** A shared thing is not changed without `If-Match`, which is asked for before the thing is looked for. */
const adminsReplaceThing: Row = { statuses: roles(403, 403, 428), missing: roles(403, 403, 428) };
const staff: Row = { statuses: roles(200, 403, 200) };
const staffOfThing: Row = { ...staff, missing: roles(404, 403, 404) };
/** The body is refused before the thing is looked for. */
const staffWriteThing: Row = { statuses: roles(400, 403, 400), missing: roles(400, 403, 400), body: empty };
const analysts: Row = { statuses: roles(403, 200, 200) };

/** An order is also its guest's, who proves it by a token: so a stranger, logged in or not, gets 404. */
const bearers: Row = { statuses: [404, 200, 404, 200, 404, 200], missing: all(404) };

const ownersOfPayment: Row = {
  statuses: [401, 200, 404, 200, 404, 200],
  missing: [401, 404, 404, 404, 404, 404],
};

/** Of what everybody who is logged in may use. */
const loggedInOnThing = (there: number, missing: number): Row => ({
  statuses: [401, there, there, there, there, there],
  missing: [401, missing, missing, missing, missing, missing],
});

export const table: Record<string, readonly Row[]> = {
  'GET /health/live': [everybody],
  'GET /health/ready': [everybody],
  'GET /health': [everybody],
  'GET /metrics': [everybody],
  'GET /.well-known/jwks.json': [everybody],
  'POST /api/events': [everybodyWrites],

  'POST /api/auth/register': [everybodyWrites],
  'POST /api/auth/login': [everybodyWrites],
  'POST /api/auth/refresh': [everybodyWrites],
  // Without a token of the body it would end the caller's own session.
  'POST /api/auth/logout': [{ ...everybodyWrites, body: { refreshToken: '' } }],
  'POST /api/auth/verify-email': [everybodyWrites],
  'POST /api/auth/verify-email/resend': [{ ...loggedInRefused, query: '?unknown=1' }],
  'POST /api/auth/password-reset': [everybodyWrites],
  'POST /api/auth/password-reset/confirm': [everybodyWrites],
  'GET /api/auth/sessions': [loggedIn],
  // An unknown parameter is refused after the caller was admitted, so nobody is logged out.
  'DELETE /api/auth/sessions': [{ ...loggedInRefused, query: '?unknown=1' }],
  'GET /api/auth/sessions/{id}': [ownersOfThing],
  'DELETE /api/auth/sessions/{id}': [ownersRemove],
  'GET /api/users/me': [loggedIn],
  'PATCH /api/users/me': [loggedInWrites],
  'DELETE /api/users/me': [{ ...loggedInRefused, query: '?unknown=1' }],
  'PUT /api/users/me/password': [loggedInWrites],
  'GET /api/users/me/export': [loggedIn],
  'GET /api/users/me/addresses': [loggedIn],
  'POST /api/users/me/addresses': [loggedInWrites],
  'GET /api/users/me/addresses/{id}': [ownersOfThing],
  'DELETE /api/users/me/addresses/{id}': [ownersRemove],
  'GET /api/users/me/devices': [loggedIn],
  'POST /api/users/me/devices': [loggedInWrites],
  'GET /api/users/me/devices/{id}': [ownersOfThing],
  'DELETE /api/users/me/devices/{id}': [ownersRemove],
  'GET /api/users': [admins],
  'PUT /api/users/{id}/roles': [adminsWriteThing],

  'GET /api/api-keys': [admins],
  'POST /api/api-keys': [adminsWrite],
  'DELETE /api/api-keys/{id}': [
    { statuses: roles(403, 403, 204), missing: roles(403, 403, 404), changes: true },
  ],

  'GET /api/products': [everybody],
  'POST /api/products': [adminsWrite],
  'POST /api/products/import': [{ statuses: roles(403, 403, 415), body: empty }],
  'GET /api/products/featured': [everybody],
  'GET /api/products/search': [{ ...everybody, query: '?q=lantern' }],
  'GET /api/products/{productId}': [everybodyOfThing],
  'PUT /api/products/{productId}': [adminsReplaceThing],
  'DELETE /api/products/{productId}': [adminsReplaceThing],
  'GET /api/products/{productId}/history': [staffOfThing],
  'GET /api/products/{productId}/reviews': [everybodyOfThing],
  'POST /api/products/{productId}/reviews': [{ ...loggedInWrites, missing: [401, 400, 400, 400, 400, 400] }],
  'GET /api/reviews': [staff],
  'GET /api/users/me/reviews': [loggedIn],
  'PATCH /api/reviews/{id}': [{ statuses: roles(400, 403, 400), missing: roles(400, 403, 400), body: empty }],
  'POST /api/reviews/{id}/votes': [{ ...loggedInWrites, missing: [401, 400, 400, 400, 400, 400] }],
  'GET /api/categories': [everybody],
  'POST /api/categories': [adminsWrite],
  'GET /api/categories/{id}': [everybodyOfThing],
  'PUT /api/categories/{id}': [adminsReplaceThing],
  'DELETE /api/categories/{id}': [adminsReplaceThing],

  'GET /api/inventory': [everybody],
  'GET /api/inventory/alerts': [staff],
  'POST /api/products/{productId}/back-in-stock': [loggedInOnThing(201, 404)],
  'DELETE /api/products/{productId}/back-in-stock': [loggedInOnThing(204, 204)],
  'GET /api/inventory/{productId}': [everybodyOfThing],
  'PUT /api/inventory/{productId}': [adminsWriteThing],
  'POST /api/inventory/{productId}/restock': [adminsWriteThing],
  'GET /api/inventory/{productId}/movements': [staffOfThing],

  'GET /api/cart': [everybody],
  'PUT /api/cart': [everybodyWrites],
  'DELETE /api/cart': [everybody],
  'PUT /api/cart/items/{productId}': [{ ...everybodyWrites, missing: all(400) }],
  'DELETE /api/cart/items/{productId}': [{ ...everybody, missing: all(200) }],

  'POST /api/orders': [everybodyWrites],
  'GET /api/orders': [loggedIn, ownList],
  'GET /api/orders/{id}': [bearers],
  'GET /api/orders/{id}/status': [bearers],
  'GET /api/orders/{id}/timeline': [bearers],
  'GET /api/orders/{id}/stream': [{ ...bearers, query: '?seconds=1' }],
  'POST /api/orders/{id}/returns': [
    { statuses: [404, 400, 404, 400, 404, 400], missing: all(404), body: empty },
  ],
  'POST /api/orders/{id}/cancel': [{ ...bearers, changes: true }],
  'POST /api/orders/{id}/fulfilment': [staffWriteThing],

  'GET /api/payments': [loggedIn, ownList],
  'POST /api/payments': [loggedInWrites],
  'POST /api/payments/{id}/refunds': [staffWriteThing],
  'POST /api/payments/{id}/refunds/{refundId}/paid-otherwise': [staffWriteThing],
  'GET /api/payments/{id}/history': [ownersOfPayment],
  'GET /api/payments/{id}': [ownersOfPayment],

  'GET /api/analytics/revenue': [analysts],
  'GET /api/analytics/top-products': [analysts],
  'GET /api/analytics/overview': [analysts],
  'GET /api/analytics/funnel': [analysts],
  'GET /api/analytics/retention': [analysts],
  'GET /api/analytics/rfm': [analysts],
  'GET /api/analytics/basket': [{ ...analysts, query: '?productId={productId}' }],
  'GET /api/analytics/searches': [analysts],
  'GET /api/analytics/attribution': [analysts],
  'GET /api/analytics/stock-outs': [analysts],
  'GET /api/analytics/fraud-signals': [analysts],
  'GET /api/analytics/live': [{ ...analysts, query: '?seconds=1' }],
  'GET /api/live': [
    { ...analysts, query: '?topics=analytics&seconds=1' },
    { ...staff, query: '?topics=ops&seconds=1' },
    // Whoever may not have one of the topics gets none.
    { statuses: roles(403, 403, 200), query: '?topics=ops,analytics&seconds=1' },
  ],
  'GET /api/analytics/model': [analysts],
  'POST /api/analytics/query': [{ statuses: roles(403, 400, 400), body: empty }],

  'GET /api/ops/consumers': [staff],
  'GET /api/ops/reconciliation': [staff],
  'GET /api/ops/fraud-signals': [staff],
  'GET /api/ops/dead-letters': [staff],
  'GET /api/ops/dead-letters/{topic}': [{ ...staff, missing: roles(404, 403, 404) }],
  'POST /api/ops/dead-letters/replay': [{ statuses: roles(400, 403, 400), body: empty }],
  'POST /api/ops/dead-letters/{id}/replay': [
    { statuses: roles(400, 403, 400), missing: roles(404, 403, 404) },
  ],
  'GET /api/ops/sagas': [staff],
  'POST /api/ops/sagas/{orderId}/retry': [{ ...staffOfThing, statuses: roles(409, 403, 409) }],
  'POST /api/ops/sagas/{orderId}/compensate': [
    { ...staffOfThing, statuses: roles(202, 403, 202), changes: true },
  ],

  'GET /api/config': [admins],
  'GET /api/config/{key}': [adminsOfThing],
  'PUT /api/config/{key}': [{ statuses: roles(403, 403, 428), missing: roles(403, 403, 428), body: empty }],
  'GET /api/config/{key}/history': [adminsOfThing],
  'POST /api/config/{key}/rollback': [adminsWriteThing],

  'GET /api/notifications/history': [loggedIn, ownList],
  'GET /api/notifications/push-key': [everybody],
  'POST /api/notifications/send': [{ statuses: roles(400, 403, 400), body: empty }],
  'GET /api/users/me/notification-preferences': [loggedIn],
  'PUT /api/users/me/notification-preferences': [{ ...loggedIn, body: empty }],
  'GET /api/recommendations': [{ ...everybody, query: '?scenario=home' }],
  'GET /api/recommendations/explain': [{ ...staff, query: '?scenario=home' }],
  'GET /api/recommendations/models': [staff],
  'POST /api/recommendations/models/{id}/promote': [{ ...staffWriteThing, body: { reason: '' } }],
  'GET /api/recommendations/experiments': [staff],
  'GET /api/recommendations/experiments/{id}': [staffOfThing],
  'GET /api/recommendations/rules': [staff],
  'PUT /api/recommendations/rules': [{ statuses: roles(428, 403, 428), body: empty }],
};
