import type { Clock } from '#platform/clock';
import { newId } from '#platform/ids';
import type { EventPublisher } from '#platform/messaging/events';
import { append } from '#platform/outbox/outbox';
import type { Tx } from '#platform/postgres/transaction';
import type { EventMap, EventType } from '#schemas/events';
import type { Role } from '#schemas/roles';
import type { PasswordHasher } from './password.js';
import { type AccessTokens, newRefreshToken, refreshTokenHash, successorOf } from './tokens.js';
import { changeRoles, judgeRefresh, normaliseEmail, type RolesRefusal, register, type User } from './user.js';
import type { UserStore } from './user-store.js';

export type LoggedIn = { user: User; accessToken: string; refreshToken: string };

/** Why an account did not do what was asked of it; nothing has changed then. */
export type AccountRefusal = {
  refused: 'email_taken' | 'invalid_credentials' | 'invalid_refresh_token' | RolesRefusal;
};

export type Accounts = ReturnType<typeof createAccounts>;

/** The types of events that this service publishes: the compiler refuses another. */
export const publishes = ['UserRegistered', 'UserRolesChanged'] as const satisfies readonly EventType[];
export type Published = Pick<EventMap, (typeof publishes)[number]>;

/** What can be done with accounts and logins: each one transaction, with its event in the same. */
export const createAccounts = (parts: {
  store: UserStore;
  passwords: PasswordHasher;
  tokens: AccessTokens;
  publisher: EventPublisher<Published>;
  clock: Clock;
  loginTtlS: number;
}) => {
  const { store, passwords, tokens, publisher, clock } = parts;

  const openLogin = async (tx: Tx, user: User): Promise<LoggedIn> => {
    const { token, hash } = newRefreshToken();
    const nowMs = clock.nowMs();
    const login = { id: newId(clock), userId: user.id, tokenHash: hash, nowMs };
    await store.openLogin(tx, { ...login, expiresAtMs: nowMs + parts.loginTtlS * 1000 });
    return { user, accessToken: await tokens.issue(user, login.id), refreshToken: token };
  };

  const open = async (
    tx: Tx,
    account: { email: string; name: string; roles?: readonly Role[] },
    passwordHash: string,
  ): Promise<User | undefined> => {
    const { user, event } = register({ id: newId(clock), ...account }, clock.nowMs());
    if (!(await store.insert(tx, user, passwordHash))) return undefined;
    await append(tx, [publisher.event('UserRegistered', user.id, event, { occurredAt: event.occurredAt })]);
    return user;
  };

  return {
    register: async (account: {
      email: string;
      name: string;
      password: string;
    }): Promise<LoggedIn | AccountRefusal> => {
      const passwordHash = await passwords.hash(account.password);
      return store.inTransaction(async (tx) => {
        const user = await open(tx, { email: account.email, name: account.name }, passwordHash);
        return user === undefined ? { refused: 'email_taken' } : openLogin(tx, user);
      });
    },

    /** The same answer, after the same time, for an unknown address and a wrong password. */
    logIn: async (email: string, password: string): Promise<LoggedIn | AccountRefusal> => {
      const found = await store.byEmail(normaliseEmail(email));
      const isMatch = await passwords.matches(found?.passwordHash, password);
      if (found === undefined || !isMatch) return { refused: 'invalid_credentials' };
      return store.inTransaction((tx) => openLogin(tx, found.user));
    },

    refresh: async (refreshToken: string): Promise<LoggedIn | AccountRefusal> => {
      const hash = refreshTokenHash(refreshToken);
      const refused: AccountRefusal = { refused: 'invalid_refresh_token' };
      return store.inTransaction(async (tx) => {
        const stored = await store.lockToken(tx, hash);
        if (stored === undefined) return refused;
        const nowMs = clock.nowMs();
        const next = successorOf(refreshToken, stored.loginSecret);
        const successorUsedAtMs = await store.tokenUsedAtMs(tx, next.hash);
        const verdict = judgeRefresh({ ...stored, successorUsedAtMs }, nowMs);
        if (verdict === 'refuse') return refused;
        if (verdict === 'revoke_login') {
          await store.revokeLogin(tx, stored.loginId, nowMs);
          return refused;
        }
        const user = await store.lock(tx, stored.userId);
        if (user === undefined) return refused;
        await store.rotateToken(tx, { loginId: stored.loginId, from: hash, to: next.hash, nowMs });
        return { user, accessToken: await tokens.issue(user, stored.loginId), refreshToken: next.token };
      });
    },

    /** Ends the login the token belongs to. An unknown token has no login: nothing to do. */
    logOut: (refreshToken: string): Promise<void> =>
      store.inTransaction(async (tx) => {
        const stored = await store.lockToken(tx, refreshTokenHash(refreshToken));
        if (stored !== undefined) await store.revokeLogin(tx, stored.loginId, clock.nowMs());
      }),

    /** `check` sees the account as it is under the lock, before it changes. */
    rename: (id: string, name: string, check: (user: User) => void): Promise<User | undefined> =>
      store.inTransaction(async (tx) => {
        const user = await store.lock(tx, id);
        if (user === undefined) return undefined;
        check(user);
        const renamed = { ...user, name: name.trim(), version: user.version + 1 };
        await store.update(tx, renamed, clock.nowMs());
        return renamed;
      }),

    changeRoles: (
      id: string,
      wanted: readonly Role[],
      changedBy: string,
      check: (user: User) => void,
    ): Promise<User | undefined | AccountRefusal> =>
      store.inTransaction(async (tx) => {
        const admins = await store.lockAdmins(tx);
        const user = await store.lock(tx, id);
        if (user === undefined) return undefined;
        check(user);
        const nowMs = clock.nowMs();
        const otherAdmins = admins.filter((admin) => admin !== id).length;
        const change = changeRoles(user, wanted, { changedBy, otherAdmins, nowMs });
        if ('refused' in change) return change;
        if (change.event === null) return user;
        await store.update(tx, change.user, nowMs);
        await append(tx, [publisher.event('UserRolesChanged', id, change.event, { occurredAt: nowMs })]);
        return change.user;
      }),

    /** Makes sure that this account exists, has this password and is an admin. */
    ensureAdmin: async (email: string, password: string): Promise<void> => {
      const found = await store.byEmail(normaliseEmail(email));
      if (found === undefined) {
        const passwordHash = await passwords.hash(password);
        await store.inTransaction((tx) =>
          open(tx, { email, name: 'Administrator', roles: ['customer', 'admin'] }, passwordHash),
        );
        return;
      }
      const isMatch = await passwords.matches(found.passwordHash, password);
      const passwordHash = isMatch ? undefined : await passwords.hash(password);
      await store.inTransaction(async (tx) => {
        if (passwordHash !== undefined) await store.setPassword(tx, found.user.id, passwordHash);
        const user = await store.lock(tx, found.user.id);
        if (user === undefined || user.roles.includes('admin')) return;
        const context = { changedBy: user.id, otherAdmins: 0, nowMs: clock.nowMs() };
        const change = changeRoles(user, [...user.roles, 'admin'], context);
        if ('refused' in change || change.event === null) return;
        await store.update(tx, change.user, context.nowMs);
        await append(tx, [
          publisher.event('UserRolesChanged', user.id, change.event, { occurredAt: context.nowMs }),
        ]);
      });
    },
  };
};
