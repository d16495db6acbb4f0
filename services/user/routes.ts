import type { JSONWebKeySet } from 'jose';
import { z } from 'zod';
import { assertIfMatch, etagOf, notModified, sendWithEtag } from '#platform/http/etag';
import { decodeCursor, listQuery, pageFrom, pageOf } from '#platform/http/pagination';
import { problem, problems } from '#platform/http/problem-details';
import type { HttpApp } from '#platform/http/server';
import { emailAddress, line, text, uuid } from '#platform/http/text';
import type { Metrics } from '#platform/service-host';
import { roles } from '#schemas/roles';
import type { AccountRefusal, Accounts } from './accounts.js';
import type { LoggedIn, LoginRefusal, Logins } from './logins.js';
import { refreshLateMs, type User } from './user.js';
import type { UserStore } from './user-store.js';

const password = text(256).min(8).describe('At least 8 characters; there are no other rules.');
const name = line(200);

const userSchema = z
  .object({
    id: z.uuid(),
    email: z.string(),
    name: z.string(),
    roles: z.array(z.enum(roles)),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'User' });

const loggedInSchema = z
  .object({
    accessToken: z.string().describe('For the Authorization header; valid for 15 minutes.'),
    refreshToken: z.string().describe('Exchange it once, at /api/auth/refresh, for the next pair of tokens.'),
    user: userSchema,
  })
  .meta({ id: 'LoggedIn' });

const refreshTokenBody = z.strictObject({ refreshToken: text(512).min(1) });

const jwkSetSchema = z.object({
  keys: z.array(
    z.object({
      kty: z.string(),
      kid: z.string(),
      alg: z.string(),
      use: z.string(),
      crv: z.string(),
      x: z.string(),
      y: z.string(),
    }),
  ),
});

const shown = (user: User): z.output<typeof userSchema> => ({
  id: user.id,
  email: user.email,
  name: user.name,
  roles: [...user.roles],
  createdAt: new Date(user.createdAtMs).toISOString(),
});

const shownLogin = ({ user, accessToken, refreshToken }: LoggedIn): z.output<typeof loggedInSchema> => ({
  accessToken,
  refreshToken,
  user: shown(user),
});

const unlessRefused = <T extends object>(outcome: T | AccountRefusal | LoginRefusal): T => {
  if ('refused' in outcome) throw refused(outcome);
  return outcome;
};

const refused = ({ refused: code }: AccountRefusal | LoginRefusal) => {
  const headers = { 'www-authenticate': 'Bearer' };
  switch (code) {
    case 'email_taken':
      return problem(409, code, 'This e-mail address has an account already.');
    case 'invalid_credentials':
      return problem(401, code, 'The e-mail address or the password is wrong.', { headers });
    case 'invalid_refresh_token':
      return problem(401, code, 'This refresh token is no longer valid. Log in again.', { headers });
    case 'last_admin':
      return problem(409, code, 'This is the last admin, and there has to be at least one.');
    default:
      return code satisfies never;
  }
};

const noSuchUser = () => problem(404, 'user_not_found', 'There is no such account.');

/** Only the account itself and admins change it, so `If-Match` is optional, but checked if it is sent. */
const unlessStale = (request: Parameters<typeof assertIfMatch>[0]) => (user: User) => {
  if (request.headers['if-match'] !== undefined) assertIfMatch(request, etagOf(user.version));
};

const auth = ['auth'];
const users = ['users'];

const registerRoute = (app: HttpApp, accounts: Accounts): void => {
  app.post(
    '/api/auth/register',
    {
      access: 'anonymous',
      schema: {
        tags: auth,
        summary: 'Create an account and log in.',
        body: z.strictObject({ email: emailAddress, password, name }),
        response: { 201: loggedInSchema, ...problems(409) },
      },
    },
    async (request, reply) =>
      reply.code(201).send(shownLogin(unlessRefused(await accounts.register(request.body)))),
  );
};

const logInRoute = (app: HttpApp, logins: Logins, metrics: Metrics): void => {
  const tried = metrics.counter('logins_total', 'Logins tried.', ['status']);

  app.post(
    '/api/auth/login',
    {
      access: 'anonymous',
      schema: {
        tags: auth,
        summary: 'Log in.',
        body: z.strictObject({ email: text(254).min(1), password: text(256).min(1) }),
        response: { 200: loggedInSchema, ...problems(401) },
      },
    },
    async (request, reply) => {
      try {
        const login = unlessRefused(await logins.logIn(request.body.email, request.body.password));
        tried.inc({ status: 'success' });
        return reply.send(shownLogin(login));
      } catch (error) {
        tried.inc({ status: 'failure' });
        throw error;
      }
    },
  );
};

const refreshRoute = (app: HttpApp, logins: Logins): void => {
  app.post(
    '/api/auth/refresh',
    {
      access: 'anonymous',
      schema: {
        tags: auth,
        summary: 'Exchange a refresh token for a new pair of tokens.',
        description:
          'If a token is exchanged again, by another tab or after a lost answer, the answer has the same successor again, until ' +
          'that successor was exchanged itself. After that the token is refused. One that is sent ' +
          `more than ${refreshLateMs / 60_000} minutes later ends the whole login, because it was probably stolen.`,
        body: refreshTokenBody,
        response: { 200: loggedInSchema, ...problems(401) },
      },
    },
    async (request, reply) =>
      reply.send(shownLogin(unlessRefused(await logins.refresh(request.body.refreshToken)))),
  );
};

const logOutRoute = (app: HttpApp, logins: Logins): void => {
  app.post(
    '/api/auth/logout',
    {
      access: 'anonymous',
      schema: {
        tags: auth,
        summary: 'End the login of this refresh token.',
        body: refreshTokenBody,
        response: { 204: z.undefined().describe('Logged out') },
      },
    },
    async (request, reply) => {
      await logins.logOut(request.body.refreshToken);
      return reply.code(204).send();
    },
  );
};

const keysRoute = (app: HttpApp, publicKeys: () => JSONWebKeySet): void => {
  app.get(
    '/.well-known/jwks.json',
    {
      access: 'anonymous',
      schema: { tags: auth, summary: 'The keys that verify access tokens.', response: { 200: jwkSetSchema } },
    },
    async (_request, reply) =>
      reply
        .header('cache-control', 'public, max-age=300')
        .send(publicKeys() as z.output<typeof jwkSetSchema>),
  );
};

export const authRoutes = (
  app: HttpApp,
  parts: { accounts: Accounts; logins: Logins; publicKeys: () => JSONWebKeySet; metrics: Metrics },
): void => {
  const { accounts, logins, publicKeys, metrics } = parts;
  registerRoute(app, accounts);
  logInRoute(app, logins, metrics);
  refreshRoute(app, logins);
  logOutRoute(app, logins);
  keysRoute(app, publicKeys);
};

const ownId = (request: { principal: { kind: string; userId?: string } }): string =>
  request.principal.userId ?? '';

const ownAccountRoute = (app: HttpApp, store: UserStore): void => {
  app.get(
    '/api/users/me',
    {
      access: 'user',
      schema: {
        tags: users,
        summary: 'My account.',
        response: { 200: userSchema, ...notModified, ...problems(404) },
      },
    },
    async (request, reply) => {
      const user = await store.byId(ownId(request));
      if (user === undefined) throw noSuchUser();
      return sendWithEtag(request, reply, etagOf(user.version), shown(user));
    },
  );
};

const renameRoute = (app: HttpApp, accounts: Accounts): void => {
  app.patch(
    '/api/users/me',
    {
      access: 'user',
      schema: {
        tags: users,
        summary: 'Change my name.',
        body: z.strictObject({ name }),
        response: { 200: userSchema, ...problems(404, 412) },
      },
    },
    async (request, reply) => {
      const user = await accounts.rename(ownId(request), request.body.name, unlessStale(request));
      if (user === undefined) throw noSuchUser();
      return reply.header('etag', etagOf(user.version)).send(shown(user));
    },
  );
};

const accountsRoute = (app: HttpApp, store: UserStore): void => {
  app.get(
    '/api/users',
    {
      access: ['admin'],
      schema: {
        tags: users,
        summary: 'All accounts, the newest first.',
        querystring: z.strictObject(listQuery),
        response: { 200: pageOf(userSchema) },
      },
    },
    async (request, reply) => {
      const { limit, cursor } = request.query;
      const users = await store.list(limit + 1, decodeCursor(cursor, z.uuid()));
      const page = pageFrom(users, limit, (last) => last.id);
      return reply.send({ items: page.items.map(shown), next: page.next });
    },
  );
};

const rolesRoute = (app: HttpApp, accounts: Accounts): void => {
  app.put(
    '/api/users/:id/roles',
    {
      access: ['admin'],
      schema: {
        tags: users,
        summary: 'Set the roles of an account.',
        params: z.strictObject({ id: uuid }),
        body: z.strictObject({ roles: z.array(z.enum(roles)).min(1).max(roles.length) }),
        response: { 200: userSchema, ...problems(404, 409, 412) },
      },
    },
    async (request, reply) => {
      const changed = await accounts.changeRoles(
        request.params.id,
        request.body.roles,
        ownId(request),
        unlessStale(request),
      );
      if (changed === undefined) throw noSuchUser();
      const user = unlessRefused(changed);
      return reply.header('etag', etagOf(user.version)).send(shown(user));
    },
  );
};

export const userRoutes = (app: HttpApp, accounts: Accounts, store: UserStore): void => {
  ownAccountRoute(app, store);
  renameRoute(app, accounts);
  accountsRoute(app, store);
  rolesRoute(app, accounts);
};
