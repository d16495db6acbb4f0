import type { UserRegistered, UserRolesChanged } from '#schemas/events';
import { type Role, roles } from '#schemas/roles';

export type User = {
  id: string;
  /** Normalised, so that the same mailbox is the same text. */
  email: string;
  isEmailVerified: boolean;
  name: string;
  /** E.164. */
  phone: string | null;
  roles: readonly Role[];
  /** Counts the changes of this account. */
  version: number;
  createdAtMs: number;
};

/** Lower case and composed, without surrounding space. */
export const normaliseEmail = (email: string): string => email.trim().normalize('NFKC').toLowerCase();

export const register = (
  account: { id: string; email: string; name: string; roles?: readonly Role[] },
  nowMs: number,
): { user: User; event: UserRegistered } => {
  const granted = sortedRoles(account.roles ?? ['customer']);
  return {
    user: {
      id: account.id,
      email: normaliseEmail(account.email),
      isEmailVerified: false,
      name: account.name.trim(),
      phone: null,
      roles: granted,
      version: 1,
      createdAtMs: nowMs,
    },
    event: { userId: account.id, roles: [...granted], occurredAt: nowMs },
  };
};

/** What the owner of an account may change of it; fields that are undefined stay. */
export type ProfileChange = { name?: string | undefined; phone?: string | null | undefined };

/** The changed account and the names of the fields that differ now. If there are none, the account is the same. */
export const changeProfile = (user: User, wanted: ProfileChange): { user: User; fields: string[] } => {
  const name = wanted.name?.trim() ?? user.name;
  const phone = wanted.phone === undefined ? user.phone : wanted.phone;
  const fields = [...(name === user.name ? [] : ['name']), ...(phone === user.phone ? [] : ['phone'])];
  return fields.length === 0
    ? { user, fields }
    : { user: { ...user, name, phone, version: user.version + 1 }, fields };
};

export type RolesRefusal = 'last_admin';

/**
 * Sets exactly these roles. Refuses to remove the last admin. If the account has these roles already, nothing changes.
 */
export const changeRoles = (
  user: User,
  wanted: readonly Role[],
  context: { changedBy: string; otherAdmins: number; nowMs: number },
): { user: User; event: UserRolesChanged | null } | { refused: RolesRefusal } => {
  const granted = sortedRoles(wanted);
  if (granted.join() === user.roles.join()) return { user, event: null };
  if (!granted.includes('admin') && isLastAdmin(user, context.otherAdmins)) return { refused: 'last_admin' };
  return {
    user: { ...user, roles: granted, version: user.version + 1 },
    event: {
      userId: user.id,
      roles: [...granted],
      changedBy: context.changedBy,
      occurredAt: context.nowMs,
    },
  };
};

export const isLastAdmin = (user: User, otherAdmins: number): boolean =>
  user.roles.includes('admin') && otherAdmins === 0;

/** In the order of the list, each once. */
const sortedRoles = (wanted: readonly Role[]): Role[] => roles.filter((role) => wanted.includes(role));

export type RefreshToken = {
  /** True once the token was exchanged for its successor. */
  isUsed: boolean;
  /** True once the successor was exchanged too. */
  isSuccessorUsed: boolean;
  loginExpiresAtMs: number;
  isLoginRevoked: boolean;
};

/**
 * Decides about a refresh token. The immediate predecessor of the newest token receives the newest one again, because a
 * second tab or a lost answer causes that; its grace ends when the newest one is exchanged. A token that is older than
 * that ends the login: either it or the newest one is in the hands of somebody else.
 */
export const judgeRefresh = (
  token: RefreshToken | undefined,
  nowMs: number,
): 'rotate' | 'refuse' | 'revoke_login' => {
  if (token === undefined || token.isLoginRevoked || nowMs >= token.loginExpiresAtMs) return 'refuse';
  return token.isUsed && token.isSuccessorUsed ? 'revoke_login' : 'rotate';
};
