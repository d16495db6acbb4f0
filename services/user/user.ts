import type { UserRegistered, UserRolesChanged } from '#schemas/events';
import { type Role, roles } from '#schemas/roles';

export type User = {
  id: string;
  /** Normalised, so that the same mailbox is the same text. */
  email: string;
  name: string;
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
      name: account.name.trim(),
      roles: granted,
      version: 1,
      createdAtMs: nowMs,
    },
    event: { userId: account.id, roles: [...granted], occurredAt: nowMs },
  };
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
  if (user.roles.includes('admin') && !granted.includes('admin') && context.otherAdmins === 0)
    return { refused: 'last_admin' };
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

/** In the order of the list, each once. */
const sortedRoles = (wanted: readonly Role[]): Role[] => roles.filter((role) => wanted.includes(role));

export type RefreshToken = {
  /** When the token was exchanged for its successor; null before. */
  usedAtMs: number | null;
  /** When the successor was exchanged too; null while the successor is the login's newest token. */
  successorUsedAtMs: number | null;
  loginExpiresAtMs: number;
  isLoginRevoked: boolean;
};

/** A token that was exchanged this recently receives its successor again, even if that was exchanged too. */
export const refreshGraceMs = 10_000;

/** For this long after its successor was exchanged, an old token is assumed to come from a tab that fell behind. */
export const refreshLateMs = 60 * 60_000;

/**
 * Decides about a refresh token. One that was exchanged receives its successor again while the successor is unused,
 * because a second tab or a lost answer causes that. After that it is refused and the login stays: a tab that fell
 * behind must not log out the tab in use. A token whose successor was exchanged long ago ends the login: no tab in use
 * falls behind that far, so one of the two tokens was probably stolen.
 */
export const judgeRefresh = (
  token: RefreshToken | undefined,
  nowMs: number,
): 'rotate' | 'refuse' | 'revoke_login' => {
  if (token === undefined || token.isLoginRevoked || nowMs >= token.loginExpiresAtMs) return 'refuse';
  const { usedAtMs, successorUsedAtMs } = token;
  if (usedAtMs === null || successorUsedAtMs === null || nowMs - usedAtMs <= refreshGraceMs) return 'rotate';
  return nowMs - successorUsedAtMs <= refreshLateMs ? 'refuse' : 'revoke_login';
};
