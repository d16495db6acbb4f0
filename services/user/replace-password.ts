import type { Clock } from '#platform/clock';
import type { Tx } from '#platform/postgres/transaction';
import type { Announcements } from './announcements.js';
import type { EndLogins } from './logins.js';
import { mailedTokenStore } from './mailed-token-store.js';
import type { UserStore } from './user-store.js';

/**
 * Sets a password within the transaction that locked the account. What the former one gave ends with it: all logins but
 * `except`, and the tokens that reset a password.
 */
export type ReplacePassword = (
  tx: Tx,
  userId: string,
  passwordHash: string,
  which?: { except: string | undefined },
) => Promise<void>;

export const createReplacePassword =
  (parts: {
    store: Pick<UserStore, 'setPassword'>;
    endLogins: EndLogins;
    announcements: Announcements;
    clock: Clock;
  }): ReplacePassword =>
  async (tx, userId, passwordHash, which) => {
    const occurredAt = parts.clock.nowMs();
    await parts.store.setPassword(tx, userId, passwordHash);
    await mailedTokenStore.forget(tx, userId, 'reset_password');
    await parts.endLogins(tx, userId, 'password_changed', which);
    await parts.announcements.publish(tx, 'UserPasswordChanged', { userId, occurredAt });
  };
