import type { Clock } from '#platform/clock';
import { newId } from '#platform/ids';
import type { EventPublisher } from '#platform/messaging/events';
import { append } from '#platform/outbox/outbox';
import type { Tx } from '#platform/postgres/transaction';
import type { EventMap, EventType } from '#schemas/events';
import type { Role } from '#schemas/roles';
import type { LoggedIn, Logins } from './logins.js';
import type { PasswordHasher } from './password.js';
import { changeRoles, normaliseEmail, type RolesRefusal, register, type User } from './user.js';
import type { UserStore } from './user-store.js';

/** Why a request about an account was refused; nothing has changed then. */
export type AccountRefusal = { refused: 'email_taken' | RolesRefusal };

export type Accounts = ReturnType<typeof createAccounts>;

/** The types of events that this service publishes; publishing another one does not compile. */
export const publishes = ['UserRegistered', 'UserRolesChanged'] as const satisfies readonly EventType[];
export type Published = Pick<EventMap, (typeof publishes)[number]>;

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
  publisher: EventPublisher<Published>;
  clock: Clock;
};

/** The changes that publish an event, within the caller's transaction. */
const createChanges = ({ store, publisher, clock }: Pick<Parts, 'store' | 'publisher' | 'clock'>) => {
  /** Undefined when the email is taken. */
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

  const change: ChangeRoles = async (tx, user, wanted, context) => {
    const nowMs = clock.nowMs();
    const changed = changeRoles(user, wanted, { ...context, nowMs });
    if ('refused' in changed) return changed;
    if (changed.event === null) return user;
    await store.update(tx, changed.user, nowMs);
    await append(tx, [publisher.event('UserRolesChanged', user.id, changed.event, { occurredAt: nowMs })]);
    return changed.user;
  };

  return { open, change };
};

/** The operations on accounts. Each is one transaction, which contains its event. */
export const createAccounts = (parts: Parts) => {
  const { store, passwords, logins, clock } = parts;
  const { open, change } = createChanges(parts);

  return {
    register: async (account: {
      email: string;
      name: string;
      password: string;
    }): Promise<LoggedIn | AccountRefusal> => {
      const passwordHash = await passwords.hash(account.password);
      return store.inTransaction(async (tx) => {
        const user = await open(tx, { email: account.email, name: account.name }, passwordHash);
        return user === undefined ? { refused: 'email_taken' } : logins.open(tx, user);
      });
    },

    /** `check` receives the locked account before it changes. */
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
        const otherAdmins = admins.filter((admin) => admin !== id).length;
        return change(tx, user, wanted, { changedBy, otherAdmins });
      }),

    ensureAdmin: (email: string, password: string): Promise<void> =>
      ensureAdmin({ store, passwords, change }, email, password, (tx, passwordHash) =>
        open(tx, { email, name: 'Administrator', roles: ['customer', 'admin'] }, passwordHash),
      ),
  };
};

/** Makes sure that this account exists, has this password and is an admin. */
const ensureAdmin = async (
  { store, passwords, change }: { store: UserStore; passwords: PasswordHasher; change: ChangeRoles },
  email: string,
  password: string,
  open: (tx: Tx, passwordHash: string) => Promise<unknown>,
): Promise<void> => {
  const found = await store.byEmail(normaliseEmail(email));
  if (found === undefined) {
    const passwordHash = await passwords.hash(password);
    await store.inTransaction((tx) => open(tx, passwordHash));
    return;
  }
  const isMatch = await passwords.matches(found.passwordHash, password);
  const passwordHash = isMatch ? undefined : await passwords.hash(password);
  await store.inTransaction(async (tx) => {
    if (passwordHash !== undefined) await store.setPassword(tx, found.user.id, passwordHash);
    const user = await store.lock(tx, found.user.id);
    if (user !== undefined)
      await change(tx, user, [...user.roles, 'admin'], { changedBy: user.id, otherAdmins: 0 });
  });
};
