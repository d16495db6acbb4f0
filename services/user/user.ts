import type { UserRegistered, UserRolesChanged } from '#schemas/events';
import { type Role, roles } from '#schemas/roles';

export type User = {
  id: string;
  /** Normalised: the same mailbox is the same text. */
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

/** Gives exactly these roles. Nobody may take the last admin's; the roles held already are no change. */
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
  /** Null until it was traded for its successor. */
  usedAtMs: number | null;
  /** Null until the successor was traded too: until then the successor is the login's newest token. */
  successorUsedAtMs: number | null;
  loginExpiresAtMs: number;
  isLoginRevoked: boolean;
};

/** Whatever came after it, a token traded this recently gives its one successor again. */
export const refreshGraceMs = 10_000;

/** For this long after the login went on without it, a token is taken for that of a tab that fell behind. */
export const refreshLateMs = 60 * 60_000;

/**
 * What to do with a refresh token that somebody presents. One that was traded gives its successor again while nobody has
 * used that: a second tab, or an answer that was lost. After that it is refused and the login goes on: a tab that
 * fell behind must not log out the one in use. Only one that the login left behind long ago ends the login: a tab that
 * is used at all does not fall behind that far, so the token was probably stolen, or its thief has gone on with it.
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
