import type { Clock } from '#platform/clock';
import { newId } from '#platform/ids';
import type { Tx } from '#platform/postgres/transaction';
import type { Role } from '#schemas/roles';
import type { Announcements } from './announcements.js';
import type { EndLogins, LoggedIn, Logins } from './logins.js';
import type { IssueToken } from './mailed-tokens.js';
import type { PasswordHasher } from './password.js';
import type { ReplacePassword } from './replace-password.js';
import {
  changeProfile,
  changeRoles,
  isLastAdmin,
  normaliseEmail,
  type ProfileChange,
  type RolesRefusal,
  register,
  type User,
} from './user.js';
import type { UserStore } from './user-store.js';

/** Why a request about an account was refused; nothing has changed then. */
export type AccountRefusal = { refused: 'email_taken' | 'wrong_password' | 'forbidden' | RolesRefusal };

export type Accounts = ReturnType<typeof createAccounts>;

/** Runs within the transaction that locked the account. */
type ChangeRoles = (
  tx: Tx,
  user: User,
  wanted: readonly Role[],
  context: { changedBy: string; otherAdmins: number },
) => Promise<User | AccountRefusal>;

type Parts = {
  store: UserStore;
  passwords: PasswordHasher;
  logins: Logins;
  endLogins: EndLogins;
  replacePassword: ReplacePassword;
  issueToken: IssueToken;
  announcements: Announcements;
  clock: Clock;
};

type Changes = Pick<Parts, 'store' | 'endLogins' | 'announcements' | 'clock'>;

/** The changes that publish an event, within the caller's transaction. */
const createChanges = ({ store, endLogins, announcements, clock }: Changes) => {
  /** Undefined when the email is taken. */
  const open = async (
    tx: Tx,
    account: { email: string; name: string; roles?: readonly Role[] },
    passwordHash: string,
  ): Promise<User | undefined> => {
    const { user, event } = register({ id: newId(clock), ...account }, clock.nowMs());
    if (!(await store.insert(tx, user, passwordHash))) return undefined;
    await announcements.publish(tx, 'UserRegistered', event);
    await announcements.contact(tx, user, event.occurredAt);
    return user;
  };

  /** Changed roles end the account's logins. */
  const change: ChangeRoles = async (tx, user, wanted, context) => {
    const nowMs = clock.nowMs();
    const changed = changeRoles(user, wanted, { ...context, nowMs });
    if ('refused' in changed) return changed;
    if (changed.event === null) return user;
    await store.update(tx, changed.user, nowMs);
    await announcements.publish(tx, 'UserRolesChanged', changed.event);
    await endLogins(tx, user.id, 'roles_changed');
    return changed.user;
  };

  return { open, change };
};

/** The operations on accounts. Each is one transaction, which contains its events. */
export const createAccounts = (parts: Parts) => {
  const { store, passwords, replacePassword, logins, issueToken } = parts;
  const { open, change } = createChanges(parts);

  return {
    register: async (
      account: { email: string; name: string; password: string },
      userAgent: string | undefined,
    ): Promise<LoggedIn | AccountRefusal> => {
      const passwordHash = await passwords.hash(account.password);
      return store.inTransaction(async (tx) => {
        const user = await open(tx, { email: account.email, name: account.name }, passwordHash);
        if (user === undefined) return { refused: 'email_taken' };
        await issueToken(tx, user, 'verify_email');
        return logins.open(tx, user, userAgent);
      });
    },

    /** Refuses who is no admin any more, since an access token keeps the role of its time. */
    changeRoles: (
      id: string,
      wanted: readonly Role[],
      changedBy: string,
      check: (user: User) => void,
    ): Promise<User | undefined | AccountRefusal> =>
      store.inTransaction(async (tx) => {
        const admins = await store.lockAdmins(tx);
        if (!admins.includes(changedBy)) return { refused: 'forbidden' };
        const user = await store.lock(tx, id);
        if (user === undefined) return undefined;
        check(user);
        const otherAdmins = admins.filter((admin) => admin !== id).length;
        return change(tx, user, wanted, { changedBy, otherAdmins });
      }),

    ...ownChanges(parts),

    ensureAdmin: (email: string, password: string): Promise<void> =>
      ensureAdmin({ store, passwords, replacePassword, open, change }, email, password),
  };
};

/** What the owner of an account changes of it. */
const ownChanges = ({ store, passwords, replacePassword, announcements, clock }: Parts) => ({
  /** `check` receives the locked account before it changes. */
  changeProfile: (
    id: string,
    wanted: ProfileChange,
    check: (user: User) => void,
  ): Promise<User | undefined> =>
    store.inTransaction(async (tx) => {
      const user = await store.lock(tx, id);
      if (user === undefined) return undefined;
      check(user);
      const { user: changed, fields } = changeProfile(user, wanted);
      if (fields.length === 0) return user;
      const occurredAt = clock.nowMs();
      await store.update(tx, changed, occurredAt);
      await announcements.publish(tx, 'UserProfileChanged', { userId: id, fields, occurredAt });
      await announcements.contact(tx, changed, occurredAt);
      return changed;
    }),

  /** Ends all sessions but `sessionId`. */
  changePassword: async (
    id: string,
    { current, wanted, sessionId }: { current: string; wanted: string; sessionId: string | undefined },
  ): Promise<'changed' | undefined | AccountRefusal> => {
    const stored = await store.passwordHash(id);
    const isMatch = await passwords.matches(stored, current);
    if (stored === undefined || !isMatch) return { refused: 'wrong_password' };
    const passwordHash = await passwords.hash(wanted);
    return store.inTransaction(async (tx) => {
      const user = await store.lockIfPassword(tx, id, stored);
      if (user === undefined) return { refused: 'wrong_password' };
      await replacePassword(tx, id, passwordHash, { except: sessionId });
      return 'changed';
    });
  },

  /**
   * Deletes everything that this service stores of the person. What stays elsewhere under the account's id leads to
   * nobody any more. Undefined for an account that is gone already.
   */
  erase: (id: string): Promise<'erased' | undefined | AccountRefusal> =>
    store.inTransaction(async (tx) => {
      const admins = await store.lockAdmins(tx);
      const user = await store.lock(tx, id);
      if (user === undefined) return undefined;
      if (isLastAdmin(user, admins.filter((admin) => admin !== id).length)) return { refused: 'last_admin' };
      const event = { userId: id, occurredAt: clock.nowMs() };
      await announcements.publish(tx, 'UserErased', event);
      await announcements.publish(tx, 'UserContactErased', event);
      await store.erase(tx, id);
      return 'erased';
    }),
});

/** Makes sure that this account exists, has this password and is an admin. */
const ensureAdmin = async (
  parts: Pick<Parts, 'store' | 'passwords' | 'replacePassword'> & ReturnType<typeof createChanges>,
  email: string,
  password: string,
): Promise<void> => {
  const { store, passwords, replacePassword, open, change } = parts;
  const found = await store.byEmail(normaliseEmail(email));
  if (found === undefined) {
    const passwordHash = await passwords.hash(password);
    const account = { email, name: 'Administrator', roles: ['customer', 'admin'] as const };
    await store.inTransaction((tx) => open(tx, account, passwordHash));
    return;
  }
  const { id } = found.user;
  const isMatch = await passwords.matches(found.passwordHash, password);
  const passwordHash = isMatch ? undefined : await passwords.hash(password);
  const outcome = await store.inTransaction(async (tx) => {
    const user = await store.lockIfPassword(tx, id, found.passwordHash);
    if (user === undefined) return 'changed_meanwhile';
    if (passwordHash !== undefined) await replacePassword(tx, id, passwordHash);
    return change(tx, user, [...user.roles, 'admin'], { changedBy: id, otherAdmins: 0 });
  });
  // Another instance that starts with the same password has set it already, and ended the logins before it.
  if (outcome === 'changed_meanwhile') await ensureAdmin(parts, email, password);
};
