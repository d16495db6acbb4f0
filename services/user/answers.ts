import { z } from 'zod';
import { accountOf, forbidden, type Principal } from '#platform/http/auth';
import { assertVersion } from '#platform/http/etag';
import { problem } from '#platform/http/problem-details';
import { line, text } from '#platform/http/text';
import { roles } from '#schemas/roles';
import type { AccountRefusal } from './accounts.js';
import type { LoggedIn, LoginRefusal } from './logins.js';
import type { User } from './user.js';

/** What several routes accept and answer. */

export const password = text(256).min(8).describe('At least 8 characters; there are no other rules.');
export const personName = line(200);

export const userSchema = z
  .object({
    id: z.uuid(),
    email: z.string(),
    emailVerified: z.boolean().describe('Whether the owner has proved that the address is theirs.'),
    name: z.string(),
    phone: z.string().nullable(),
    roles: z.array(z.enum(roles)),
    version: z.int().describe('Counts the changes. In quotes it is the ETag.'),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'User' });

export const loggedInSchema = z
  .object({
    accessToken: z.string().describe('For the Authorization header; valid for 15 minutes.'),
    refreshToken: z.string().describe('Exchange it once, at /api/auth/refresh, for the next pair of tokens.'),
    user: userSchema,
  })
  .meta({ id: 'LoggedIn' });

export const shown = (user: User): z.output<typeof userSchema> => ({
  id: user.id,
  email: user.email,
  emailVerified: user.isEmailVerified,
  name: user.name,
  phone: user.phone,
  roles: [...user.roles],
  version: user.version,
  createdAt: new Date(user.createdAtMs).toISOString(),
});

export const shownLogin = ({
  user,
  accessToken,
  refreshToken,
}: LoggedIn): z.output<typeof loggedInSchema> => ({
  accessToken,
  refreshToken,
  user: shown(user),
});

/** Throws the problem of a refusal. */
export const unlessRefused = <T extends object | string>(outcome: T | AccountRefusal | LoginRefusal): T => {
  if (typeof outcome === 'object' && 'refused' in outcome) throw refused(outcome);
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
    case 'wrong_password':
      return problem(403, code, 'The current password is another one.');
    case 'forbidden':
      return forbidden();
    case 'last_admin':
      return problem(409, code, 'This is the last admin, and there has to be at least one.');
    default:
      return code satisfies never;
  }
};

const noSuchUser = () => problem(404, 'user_not_found', 'There is no such account.');

/** The result, where the account exists. */
export const unlessGone = <T>(found: T | undefined): T => {
  if (found === undefined) throw noSuchUser();
  return found;
};

/**
 * Only the account itself and admins change it, so `If-Match` is optional, but checked if it is sent: the list of accounts
 * shows the version of each.
 */
export const unlessStale = (request: Parameters<typeof assertVersion>[0]) => (user: User) =>
  assertVersion(request, user.version);

export const ownId = ({ principal }: { principal: Principal }): string => accountOf(principal);

/** The options of a route for the person whose account it is about: no program's key may call it. */
export const personal = { access: 'user' } as const;

const userAgentCharsMax = 200;

/** The program that somebody logs in with, for them to recognise the session by. */
export const userAgentOf = ({ headers }: { headers: { 'user-agent'?: string | undefined } }) =>
  headers['user-agent']?.slice(0, userAgentCharsMax);
