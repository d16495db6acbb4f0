import type { Clock } from '#platform/clock';
import { newId } from '#platform/ids';
import type { Tx } from '#platform/postgres/transaction';
import { loginStore } from './login-store.js';
import type { PasswordHasher } from './password.js';
import { type AccessTokens, newRefreshToken, refreshTokenHash, successorOf } from './tokens.js';
import { judgeRefresh, normaliseEmail, type User } from './user.js';
import type { UserStore } from './user-store.js';

export type LoggedIn = { user: User; accessToken: string; refreshToken: string };

/** Why a login or refresh was refused. Nothing has changed then, except that a stolen token ends its login. */
export type LoginRefusal = { refused: 'invalid_credentials' | 'invalid_refresh_token' };

export type Logins = ReturnType<typeof createLogins>;

/** The operations on logins. Each is one transaction. */
export const createLogins = (parts: {
  store: UserStore;
  passwords: PasswordHasher;
  tokens: AccessTokens;
  clock: Clock;
  loginTtlS: number;
}) => {
  const { store, passwords, tokens, clock } = parts;

  const openLogin = async (tx: Tx, user: User): Promise<LoggedIn> => {
    const { token, hash } = newRefreshToken();
    const nowMs = clock.nowMs();
    const login = { id: newId(clock), userId: user.id, tokenHash: hash, nowMs };
    await loginStore.open(tx, { ...login, expiresAtMs: nowMs + parts.loginTtlS * 1000 });
    return { user, accessToken: await tokens.issue(user, login.id), refreshToken: token };
  };

  return {
    /** Runs within the transaction that created or checked the account. */
    open: openLogin,

    /** The same answer, after the same time, for an unknown address and a wrong password. */
    logIn: async (email: string, password: string): Promise<LoggedIn | LoginRefusal> => {
      const found = await store.byEmail(normaliseEmail(email));
      const isMatch = await passwords.matches(found?.passwordHash, password);
      if (found === undefined || !isMatch) return { refused: 'invalid_credentials' };
      return store.inTransaction((tx) => openLogin(tx, found.user));
    },

    refresh: async (refreshToken: string): Promise<LoggedIn | LoginRefusal> => {
      const hash = refreshTokenHash(refreshToken);
      const refused: LoginRefusal = { refused: 'invalid_refresh_token' };
      return store.inTransaction(async (tx) => {
        const stored = await loginStore.lockToken(tx, hash);
        if (stored === undefined) return refused;
        const nowMs = clock.nowMs();
        const next = successorOf(refreshToken, stored.loginSecret);
        const successorUsedAtMs = await loginStore.tokenUsedAtMs(tx, next.hash);
        const verdict = judgeRefresh({ ...stored, successorUsedAtMs }, nowMs);
        if (verdict === 'refuse') return refused;
        if (verdict === 'revoke_login') {
          await loginStore.revoke(tx, stored.loginId, nowMs);
          return refused;
        }
        const user = await store.lock(tx, stored.userId);
        if (user === undefined) return refused;
        await loginStore.rotateToken(tx, { loginId: stored.loginId, from: hash, to: next.hash, nowMs });
        return { user, accessToken: await tokens.issue(user, stored.loginId), refreshToken: next.token };
      });
    },

    /** Ends the login of the token. Does nothing for an unknown token. */
    logOut: (refreshToken: string): Promise<void> =>
      store.inTransaction(async (tx) => {
        const stored = await loginStore.lockToken(tx, refreshTokenHash(refreshToken));
        if (stored !== undefined) await loginStore.revoke(tx, stored.loginId, clock.nowMs());
      }),
  };
};
