import type { Clock } from '#platform/clock';
import { newId } from '#platform/ids';
import type { Tx } from '#platform/postgres/transaction';
import type { Announcements } from './announcements.js';
import { type MailedPurpose, mailedTokenStore } from './mailed-token-store.js';
import type { PasswordHasher } from './password.js';
import type { ReplacePassword } from './replace-password.js';
import { newToken, tokenHash } from './tokens.js';
import { normaliseEmail, type User } from './user.js';
import type { UserStore } from './user-store.js';

const ttlMsOf: Record<MailedPurpose, number> = {
  verify_email: 24 * 60 * 60_000,
  reset_password: 60 * 60_000,
};

/** Hours for which a token of each purpose is good. */
export const verificationHours = ttlMsOf.verify_email / 3_600_000;
export const resetHours = ttlMsOf.reset_password / 3_600_000;

/** A token that is unknown, used or expired; nothing has changed then. */
export type TokenRefusal = { refused: 'invalid_token' };

/** Issues a token within the transaction that locked the account; it leaves with an event, and nothing else has it. */
export type IssueToken = (tx: Tx, user: User, purpose: MailedPurpose) => Promise<void>;

export const createIssueToken =
  ({ announcements, clock }: { announcements: Announcements; clock: Clock }): IssueToken =>
  async (tx, user, purpose) => {
    const nowMs = clock.nowMs();
    const expiresAtMs = nowMs + ttlMsOf[purpose];
    const { token, hash } = newToken();
    await mailedTokenStore.add(tx, { hash, userId: user.id, purpose, nowMs, expiresAtMs });
    const { id: userId, email, name } = user;
    const message = { userId, tokenId: newId(clock), purpose, token, email, name };
    await announcements.publish(tx, 'UserTokenIssued', {
      ...message,
      expiresAt: expiresAtMs,
      occurredAt: nowMs,
    });
  };

export type MailedTokens = ReturnType<typeof createMailedTokens>;

/** The operations with tokens that come back from a mailbox. Each is one transaction. */
// Over seventy lines: one kind of token with all that it is for.
export const createMailedTokens = (parts: {
  store: UserStore;
  passwords: PasswordHasher;
  announcements: Announcements;
  issue: IssueToken;
  replacePassword: ReplacePassword;
  clock: Clock;
}) => {
  const { store, passwords, announcements, issue, replacePassword, clock } = parts;

  const verify = async (tx: Tx, user: User): Promise<void> => {
    if (user.isEmailVerified) return;
    const occurredAt = clock.nowMs();
    const verified = { ...user, isEmailVerified: true, version: user.version + 1 };
    await store.update(tx, verified, occurredAt);
    await announcements.publish(tx, 'UserEmailVerified', { userId: user.id, occurredAt });
    await announcements.contact(tx, verified, occurredAt);
  };

  /** The locked account of a token. */
  const lockOwner = async (tx: Tx, hash: Buffer, purpose: MailedPurpose): Promise<User | undefined> => {
    const ownerOf = () => mailedTokenStore.ownerOf(tx, hash, purpose, clock.nowMs());
    const userId = await ownerOf();
    const user = userId === undefined ? undefined : await store.lock(tx, userId);
    // Somebody else may have used the token while this transaction waited for the account.
    return (await ownerOf()) === undefined ? undefined : user;
  };

  return {
    /**
     * Verifies the address of the token's account. A token works again until it expires, because mailboxes and people
     * follow a link twice; a second time changes nothing.
     */
    verifyEmail: (token: string): Promise<'verified' | TokenRefusal> =>
      store.inTransaction(async (tx) => {
        const user = await lockOwner(tx, tokenHash(token), 'verify_email');
        if (user === undefined) return { refused: 'invalid_token' };
        await verify(tx, user);
        return 'verified';
      }),

    /** Sends another token, unless the address is verified already. Undefined for an account that is gone. */
    sendVerification: (userId: string): Promise<User | undefined> =>
      store.inTransaction(async (tx) => {
        const user = await store.lock(tx, userId);
        if (user !== undefined && !user.isEmailVerified) await issue(tx, user, 'verify_email');
        return user;
      }),

    /** Sends a token where the address has an account, and resolves alike where it has none. */
    requestReset: (email: string): Promise<void> =>
      store.inTransaction(async (tx) => {
        const user = await store.lockByEmail(tx, normaliseEmail(email));
        if (user !== undefined) await issue(tx, user, 'reset_password');
      }),

    /**
     * Sets the password of the token's account and ends all its sessions. All reset tokens of the account end too. It
     * proves the address as well, since the token came there.
     */
    resetPassword: async (token: string, password: string): Promise<'reset' | TokenRefusal> => {
      const hash = tokenHash(token);
      const refused: TokenRefusal = { refused: 'invalid_token' };
      // Before the hash, which is expensive, so that nobody makes us compute it with an invented token.
      const known = await store.inTransaction((tx) =>
        mailedTokenStore.ownerOf(tx, hash, 'reset_password', clock.nowMs()),
      );
      if (known === undefined) return refused;
      const passwordHash = await passwords.hash(password);
      return store.inTransaction(async (tx) => {
        const user = await lockOwner(tx, hash, 'reset_password');
        if (user === undefined) return refused;
        await replacePassword(tx, user.id, passwordHash);
        await verify(tx, user);
        return 'reset';
      });
    },
  };
};
