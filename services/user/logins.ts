import type { Clock } from '#platform/clock';
import { newId } from '#platform/ids';
import type { Tx } from '#platform/postgres/transaction';
import type { Announcements } from './announcements.js';
import { loginStore } from './login-store.js';
import type { PasswordHasher } from './password.js';
import { type AccessTokens, newToken, successorOf, tokenHash } from './tokens.js';
import { judgeRefresh, normaliseEmail, type User } from './user.js';
import type { UserStore } from './user-store.js';

export type LoggedIn = { user: User; accessToken: string; refreshToken: string };

/** Why a login or refresh was refused. Nothing has changed then, except that a stolen token ends its login. */
export type LoginRefusal = { refused: 'invalid_credentials' | 'invalid_refresh_token' };

/** Why a session ended. */
export type SessionEnd = 'logout' | 'ended_by_user' | 'token_reuse' | 'password_changed' | 'roles_changed';

export type Logins = ReturnType<typeof createLogins>;

type Parts = {
  store: UserStore;
  passwords: PasswordHasher;
  tokens: AccessTokens;
  announcements: Announcements;
  clock: Clock;
  loginTtlS: number;
};

/** Ends logins within the transaction that locked their account. */
export type EndLogins = (
  tx: Tx,
  userId: string,
  reason: SessionEnd,
  which?: { only?: string | undefined; except?: string | undefined },
) => Promise<number>;

export const createEndLogins =
  ({ announcements, clock }: Pick<Parts, 'announcements' | 'clock'>): EndLogins =>
  async (tx, userId, reason, which) => {
    const nowMs = clock.nowMs();
    const ended = await loginStore.revoke(tx, userId, nowMs, which);
    for (const sessionId of ended)
      await announcements.publish(tx, 'UserSessionEnded', { userId, sessionId, reason, occurredAt: nowMs });
    return ended.length;
  };

/** The operations on logins. Each is one transaction. */
export const createLogins = (parts: Parts) => {
  const { store, passwords, tokens, clock } = parts;
  const end = createEndLogins(parts);

  const openLogin = async (tx: Tx, user: User, userAgent: string | undefined): Promise<LoggedIn> => {
    const { token, hash } = newToken();
    const nowMs = clock.nowMs();
    const login = { id: newId(clock), userId: user.id, tokenHash: hash, nowMs, userAgent };
    await loginStore.open(tx, { ...login, expiresAtMs: nowMs + parts.loginTtlS * 1000 });
    return { user, accessToken: await tokens.issue(user, login.id), refreshToken: token };
  };

  return {
    /** Runs within the transaction that created or checked the account. */
    open: openLogin,

    /** The same answer, after the same time, for an unknown address and a wrong password. */
    logIn: async (
      email: string,
      password: string,
      userAgent: string | undefined,
    ): Promise<LoggedIn | LoginRefusal> => {
      const refused: LoginRefusal = { refused: 'invalid_credentials' };
      const found = await store.byEmail(normaliseEmail(email));
      const isMatch = await passwords.matches(found?.passwordHash, password);
      if (found === undefined || !isMatch) return refused;
      return store.inTransaction(async (tx) => {
        const user = await store.lockIfPassword(tx, found.user.id, found.passwordHash);
        return user === undefined ? refused : openLogin(tx, user, userAgent);
      });
    },

    refresh: async (refreshToken: string): Promise<LoggedIn | LoginRefusal> => {
      const hash = tokenHash(refreshToken);
      const refused: LoginRefusal = { refused: 'invalid_refresh_token' };
      return store.inTransaction(async (tx) => {
        const user = await lockOwner(tx, store, hash);
        const stored = await loginStore.lockToken(tx, hash);
        if (user === undefined || stored === undefined) return refused;
        const nowMs = clock.nowMs();
        const next = successorOf(refreshToken, stored.loginSecret);
        const isSuccessorUsed = await loginStore.isTokenUsed(tx, next.hash);
        const verdict = judgeRefresh({ ...stored, isSuccessorUsed }, nowMs);
        if (verdict === 'revoke_login') await end(tx, user.id, 'token_reuse', { only: stored.loginId });
        if (verdict !== 'rotate') return refused;
        await loginStore.rotateToken(tx, { loginId: stored.loginId, from: hash, to: next.hash, nowMs });
        return { user, accessToken: await tokens.issue(user, stored.loginId), refreshToken: next.token };
      });
    },

    /** Ends the login of the token. Does nothing for an unknown token. */
    logOut: (refreshToken: string): Promise<void> =>
      store.inTransaction(async (tx) => {
        const hash = tokenHash(refreshToken);
        const user = await lockOwner(tx, store, hash);
        const stored = await loginStore.lockToken(tx, hash);
        if (user !== undefined && stored !== undefined)
          await end(tx, user.id, 'logout', { only: stored.loginId });
      }),

    /** Ends one session of the account, or all where `id` is undefined. False where there was none to end. */
    endSessions: (
      userId: string,
      id: string | undefined,
      reason: SessionEnd = 'ended_by_user',
    ): Promise<boolean> =>
      store.inTransaction(async (tx) => {
        const user = await store.lock(tx, userId);
        return user !== undefined && (await end(tx, user.id, reason, { only: id })) > 0;
      }),
  };
};

/** The account is locked before its logins, as in every other change of it. */
const lockOwner = async (tx: Tx, store: UserStore, hash: Buffer): Promise<User | undefined> => {
  const userId = await loginStore.ownerOf(tx, hash);
  return userId === undefined ? undefined : store.lock(tx, userId);
};
