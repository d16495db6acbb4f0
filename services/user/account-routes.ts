import { z } from 'zod';
import type { Clock } from '#platform/clock';
import { etagOf, notModified, sendWithEtag } from '#platform/http/etag';
import type { HttpApp } from '#platform/http/http-app';
import { decodeCursor, listQuery, pageFrom, pageOf } from '#platform/http/pagination';
import { problems } from '#platform/http/problem-details';
import { matching, text, uuid } from '#platform/http/text';
import type { Database } from '#platform/postgres/pool';
import { roles } from '#schemas/roles';
import type { Accounts } from './accounts.js';
import { addressesMax } from './address-book.js';
import { addressSchema, shownAddress } from './address-routes.js';
import { addressStore } from './address-store.js';
import { devicesMax } from './announcements.js';
import {
  ownId,
  password,
  personal,
  personName,
  shown,
  unlessGone,
  unlessRefused,
  unlessStale,
  userSchema,
} from './answers.js';
import { deviceSchema, shownDevice } from './device-routes.js';
import { deviceStore } from './device-store.js';
import { loginStore } from './login-store.js';
import { sessionSchema, shownSession } from './session-routes.js';
import { normaliseEmail } from './user.js';
import type { UserStore } from './user-store.js';

const tags = ['users'];

const phone = matching(16, /^\+[1-9]\d{6,14}$/).describe('E.164, such as +4915112345678.');

const profileBody = z
  .strictObject({ name: personName.optional(), phone: phone.nullable().optional() })
  .refine((change) => Object.keys(change).length > 0, 'must have at least one field')
  .meta({ minProperties: 1 });

const ifMatch = z.object({
  'if-match': text(512).min(1).optional().describe('Change the account only if it has this version.'),
});

const ownAccountRoutes = (app: HttpApp, accounts: Accounts, store: UserStore): void => {
  app.get(
    '/api/users/me',
    {
      ...personal,
      schema: {
        tags,
        summary: 'My account.',
        response: { 200: userSchema, ...notModified, ...problems(404) },
      },
    },
    async (request, reply) => {
      const user = unlessGone(await store.profile(ownId(request)));
      return sendWithEtag(request, reply, etagOf(user.version), shown(user));
    },
  );

  app.patch(
    '/api/users/me',
    {
      ...personal,
      schema: {
        tags,
        summary: 'Change my name or telephone number; null removes the number.',
        headers: ifMatch,
        body: profileBody,
        response: { 200: userSchema, ...problems(404, 412) },
      },
    },
    async (request, reply) => {
      const changed = await accounts.changeProfile(ownId(request), request.body, unlessStale(request));
      const user = unlessGone(changed);
      return reply.header('etag', etagOf(user.version)).send(shown(user));
    },
  );
};

const passwordRoute = (app: HttpApp, accounts: Accounts): void => {
  app.put(
    '/api/users/me/password',
    {
      ...personal,
      schema: {
        tags,
        summary: 'Change my password. All other sessions end.',
        body: z.strictObject({ currentPassword: text(256).min(1), newPassword: password }),
        response: { 204: z.undefined().describe('Changed'), ...problems(403, 404) },
      },
    },
    async (request, reply) => {
      const { currentPassword: current, newPassword: wanted } = request.body;
      const { principal } = request;
      const sessionId = principal.kind === 'user' ? principal.sessionId : undefined;
      const outcome = await accounts.changePassword(ownId(request), { current, wanted, sessionId });
      unlessRefused(unlessGone(outcome));
      return reply.code(204).send();
    },
  );
};

const eraseRoute = (app: HttpApp, accounts: Accounts): void => {
  app.delete(
    '/api/users/me',
    {
      ...personal,
      schema: {
        tags,
        summary: 'Erase my account.',
        description:
          'Name, addresses, devices and sessions are deleted at once, here and within seconds wherever else they are. ' +
          'What was ordered and paid stays in the books under an id that leads to nobody.',
        response: { 204: z.undefined().describe('Erased'), ...problems(404, 409) },
      },
    },
    async (request, reply) => {
      unlessRefused(unlessGone(await accounts.erase(ownId(request))));
      return reply.code(204).send();
    },
  );
};

const elsewhereRows = z.array(z.unknown()).optional().describe('Left out while it cannot be read.');

const exportSchema = z
  .object({
    exportedAt: z.iso.datetime(),
    account: userSchema,
    addresses: z.array(addressSchema),
    devices: z.array(deviceSchema),
    sessions: z.array(sessionSchema),
    orders: elsewhereRows,
    payments: elsewhereRows,
    notifications: elsewhereRows,
    reviews: elsewhereRows,
    cart: elsewhereRows,
    elsewhere: z
      .array(z.object({ what: z.string(), href: z.string(), complete: z.boolean() }))
      .describe(
        'Lists of what other parts of the shop store under this account, and whether all of each is in this answer. ' +
          'Ask for the rest with the same token.',
      ),
  })
  .meta({ id: 'AccountExport' });

/** The gateway reads these lists for the caller, since no service asks another. */
const elsewhereOf = (userId: string) =>
  [
    ['orders', `/api/orders?userId=${userId}&limit=100`],
    ['payments', `/api/payments?userId=${userId}&limit=100`],
    ['notifications', `/api/notifications/history?userId=${userId}&limit=100`],
    ['reviews', '/api/users/me/reviews?limit=100'],
    ['cart', '/api/cart'],
  ].map(([what = '', href = '']) => ({ what, href, complete: false }));

const sessionsExportedMax = 1000;

const exportRoute = (app: HttpApp, db: Database, store: UserStore, clock: Clock): void => {
  app.get(
    '/api/users/me/export',
    {
      ...personal,
      schema: {
        tags,
        summary: 'Everything that is stored about my account.',
        response: { 200: exportSchema, ...problems(404) },
      },
    },
    async (request, reply) => {
      const userId = ownId(request);
      const { principal } = request;
      const sessionId = principal.kind === 'user' ? principal.sessionId : undefined;
      const account = shown(unlessGone(await store.byId(userId)));
      const nowMs = clock.nowMs();
      const [addresses, devices, sessions] = await Promise.all([
        addressStore.list(db, userId, { before: undefined, limit: addressesMax }),
        deviceStore.list(db, userId, { limit: devicesMax }),
        loginStore.list(db, userId, { nowMs, before: undefined, limit: sessionsExportedMax }),
      ]);
      return reply.header('content-disposition', 'attachment; filename="account.json"').send({
        exportedAt: new Date(nowMs).toISOString(),
        account,
        addresses: addresses.map(shownAddress),
        devices: devices.map(shownDevice),
        sessions: sessions.map((session) => shownSession(session, sessionId)),
        elsewhere: elsewhereOf(userId),
      });
    },
  );
};

const adminRoutes = (app: HttpApp, accounts: Accounts, store: UserStore): void => {
  app.get(
    '/api/users',
    {
      access: ['admin'],
      scope: null,
      schema: {
        tags,
        summary: 'All accounts, the newest first.',
        querystring: z.strictObject({
          ...listQuery,
          email: text(254).min(1).optional().describe('Only the account with this address.'),
        }),
        response: { 200: pageOf(userSchema) },
      },
    },
    async (request, reply) => {
      const { limit, email } = request.query;
      const found = await store.list(limit + 1, {
        before: decodeCursor(request, z.uuid()),
        email: email === undefined ? undefined : normaliseEmail(email),
      });
      const page = pageFrom(request, found, (last) => last.id);
      return reply.send({ items: page.items.map(shown), next: page.next });
    },
  );

  app.put(
    '/api/users/:id/roles',
    {
      access: ['admin'],
      scope: null,
      schema: {
        tags,
        summary: 'Set the roles of an account.',
        description:
          'Other roles end the sessions of the account. The access tokens of before keep theirs until they expire.',
        params: z.strictObject({ id: uuid }),
        headers: ifMatch,
        body: z.strictObject({ roles: z.array(z.enum(roles)).min(1).max(roles.length) }),
        response: { 200: userSchema, ...problems(404, 409, 412) },
      },
    },
    async (request, reply) => {
      const { params, body } = request;
      const changed = await accounts.changeRoles(params.id, body.roles, ownId(request), unlessStale(request));
      const user = unlessRefused(unlessGone(changed));
      return reply.header('etag', etagOf(user.version)).send(shown(user));
    },
  );
};

export const accountRoutes = (
  app: HttpApp,
  { db, accounts, store, clock }: { db: Database; accounts: Accounts; store: UserStore; clock: Clock },
): void => {
  ownAccountRoutes(app, accounts, store);
  passwordRoute(app, accounts);
  eraseRoute(app, accounts);
  exportRoute(app, db, store, clock);
  adminRoutes(app, accounts, store);
};
