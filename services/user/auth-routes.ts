import type { JSONWebKeySet } from 'jose';
import { z } from 'zod';
import { type Authenticator, credentialsOf } from '#platform/http/auth';
import type { HttpApp } from '#platform/http/http-app';
import { problem, problems } from '#platform/http/problem-details';
import { emailAddress, text } from '#platform/http/text';
import type { Metrics } from '#platform/service-host';
import { sleep } from '#platform/waiting/sleep';
import { cartIdCharsMax, cartIdHeader } from '#schemas/cart-id';
import type { Accounts } from './accounts.js';
import {
  loggedInSchema,
  ownId,
  password,
  personal,
  personName,
  shownLogin,
  unlessGone,
  unlessRefused,
  userAgentOf,
} from './answers.js';
import type { Logins } from './logins.js';
import { type MailedTokens, resetHours, verificationHours } from './mailed-tokens.js';

const refreshToken = text(512).min(1);
/** Read by the gateway, which has the new token first. */
const cartHeader = z.object({
  [cartIdHeader]: text(cartIdCharsMax)
    .optional()
    .describe('The id of a guest’s cart, which becomes part of the user’s.'),
});
const mailedToken = text(512).min(1).describe('The token of the message.');
/** Longer than the work for an address with an account takes, so that the time says nothing of it. */
const resetAnswerMsMin = 150;

const jwkSetSchema = z.object({
  keys: z.array(
    z.object({
      kty: z.string(),
      kid: z.string(),
      alg: z.string(),
      use: z.string(),
      crv: z.string(),
      x: z.string(),
    }),
  ),
});

const auth = ['auth'];
const notStored = { 'cache-control': 'no-store' };

const registerRoute = (app: HttpApp, accounts: Accounts): void => {
  app.post(
    '/api/auth/register',
    {
      access: 'anonymous',
      schema: {
        tags: auth,
        summary: 'Create an account and log in.',
        description: `A token to verify the address with is sent to it; it is good for ${verificationHours} hours.`,
        headers: cartHeader,
        body: z.strictObject({ email: emailAddress, password, name: personName }),
        response: { 201: loggedInSchema, ...problems(409) },
      },
    },
    async (request, reply) => {
      const login = unlessRefused(await accounts.register(request.body, userAgentOf(request)));
      return reply.code(201).headers(notStored).send(shownLogin(login));
    },
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
        headers: cartHeader,
        body: z.strictObject({ email: text(254).min(1), password: text(256).min(1) }),
        response: { 200: loggedInSchema, ...problems(401) },
      },
    },
    async (request, reply) => {
      const { email, password: given } = request.body;
      try {
        const login = unlessRefused(await logins.logIn(email, given, userAgentOf(request)));
        tried.inc({ status: 'success' });
        return reply.headers(notStored).send(shownLogin(login));
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
          'A token that is exchanged again, by another tab or after a lost answer, gets the same successor again, until ' +
          'that successor was exchanged itself. One that is sent after that ends the session, because it was probably stolen.',
        body: z.strictObject({ refreshToken }),
        response: { 200: loggedInSchema, ...problems(401) },
      },
    },
    async (request, reply) => {
      const login = unlessRefused(await logins.refresh(request.body.refreshToken));
      return reply.headers(notStored).send(shownLogin(login));
    },
  );
};

const logOutRoute = (app: HttpApp, logins: Logins, authenticator: Authenticator): void => {
  app.post(
    '/api/auth/logout',
    {
      // An access token that has expired shall keep nobody from ending the session.
      access: 'anonymous',
      schema: {
        tags: auth,
        summary: 'End the session of this refresh token.',
        description: 'Without one the session of the access token ends.',
        body: z.strictObject({ refreshToken: refreshToken.optional() }).nullish(),
        response: { 204: z.undefined().describe('Logged out'), ...problems(401) },
      },
    },
    async (request, reply) => {
      const given = request.body?.refreshToken;
      if (given === undefined) {
        const principal = await authenticator.principalOf(credentialsOf(request.headers));
        if (principal.kind !== 'user' || principal.sessionId === undefined) throw noSession();
        await logins.endSessions(principal.userId, principal.sessionId, 'logout');
      } else await logins.logOut(given);
      return reply.code(204).send();
    },
  );
};

const noSession = () =>
  problem(400, 'invalid_body', 'The request names no session.', {
    errors: [{ path: '/refreshToken', message: 'is required without an access token' }],
  });

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

const invalidToken = () =>
  problem(422, 'invalid_token', 'This token is unknown, used or expired. Ask for a new message.');

const verificationRoutes = (app: HttpApp, mailed: MailedTokens): void => {
  app.post(
    '/api/auth/verify-email',
    {
      access: 'anonymous',
      schema: {
        tags: auth,
        summary: 'Prove that an e-mail address is one’s own, with the token that was sent to it.',
        body: z.strictObject({ token: mailedToken }),
        response: { 204: z.undefined().describe('Verified'), ...problems(422) },
      },
    },
    async (request, reply) => {
      if ((await mailed.verifyEmail(request.body.token)) !== 'verified') throw invalidToken();
      return reply.code(204).send();
    },
  );

  app.post(
    '/api/auth/verify-email/resend',
    {
      ...personal,
      schema: {
        tags: auth,
        summary: 'Send the message with the token again, unless the address is verified already.',
        response: { 202: z.undefined().describe('Accepted'), ...problems(404) },
      },
    },
    async (request, reply) => {
      unlessGone(await mailed.sendVerification(ownId(request)));
      return reply.code(202).send();
    },
  );
};

const resetRoutes = (app: HttpApp, mailed: MailedTokens): void => {
  app.post(
    '/api/auth/password-reset',
    {
      access: 'anonymous',
      schema: {
        tags: auth,
        summary: 'Send a token to set a new password with.',
        description: `The answer is the same for an address without an account. The token is good for ${resetHours} hour.`,
        body: z.strictObject({ email: text(254).min(1) }),
        response: { 202: z.undefined().describe('Accepted') },
      },
    },
    async (request, reply) => {
      await Promise.all([mailed.requestReset(request.body.email), sleep(resetAnswerMsMin)]);
      return reply.code(202).send();
    },
  );

  app.post(
    '/api/auth/password-reset/confirm',
    {
      access: 'anonymous',
      schema: {
        tags: auth,
        summary: 'Set a new password with the token. All sessions of the account end.',
        body: z.strictObject({ token: mailedToken, password }),
        response: { 204: z.undefined().describe('The password is set'), ...problems(422) },
      },
    },
    async (request, reply) => {
      const { token, password: wanted } = request.body;
      if ((await mailed.resetPassword(token, wanted)) !== 'reset') throw invalidToken();
      return reply.code(204).send();
    },
  );
};

export const authRoutes = (
  app: HttpApp,
  parts: {
    accounts: Accounts;
    logins: Logins;
    mailed: MailedTokens;
    publicKeys: () => JSONWebKeySet;
    auth: Authenticator;
    metrics: Metrics;
  },
): void => {
  const { accounts, logins, mailed, publicKeys, metrics } = parts;
  registerRoute(app, accounts);
  logInRoute(app, logins, metrics);
  refreshRoute(app, logins);
  logOutRoute(app, logins, parts.auth);
  keysRoute(app, publicKeys);
  verificationRoutes(app, mailed);
  resetRoutes(app, mailed);
};
