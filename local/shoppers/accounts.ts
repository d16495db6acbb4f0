import { createHmac, randomBytes } from 'node:crypto';
import type { Random } from '../random.js';
import { type ShopClient, tokenUsedMs, unlessOk } from '../shop-client.js';

export type Shopper = { userId: string; token: string };

/** A bounded number of returning customers, each registered at the first visit. */
export type Accounts = { any(random: Random): Promise<Shopper> };

type LoggedIn = { accessToken: string; user: { id: string } };

/**
 * `secret` gives every account the same password after a restart; without one the accounts are new each time.
 */
export const createAccounts = (
  shop: ShopClient,
  accountsMax: number,
  secret: string | undefined,
): Accounts => {
  const own = secret ?? randomBytes(16).toString('hex');
  const label = createHmac('sha256', own).update('label').digest('hex').slice(0, 8);
  const known = new Map<number, { shopper: Promise<Shopper>; untilMs: number }>();

  const logIn = async (nth: number): Promise<Shopper> => {
    const email = `shopper-${nth}-${label}@example.com`;
    const password = createHmac('sha256', own).update(email).digest('base64url');
    const registered = await shop.call<LoggedIn>('POST', '/api/auth/register', {
      body: { email, password, name: `Simulated shopper ${nth}` },
    });
    const { accessToken, user } =
      registered.status === 409
        ? unlessOk(
            await shop.call<LoggedIn>('POST', '/api/auth/login', { body: { email, password } }),
            'log in',
          )
        : unlessOk(registered, 'register');
    return { userId: user.id, token: accessToken };
  };

  return {
    any: (random) => {
      const nth = random.below(accountsMax);
      const found = known.get(nth);
      if (found !== undefined && performance.now() < found.untilMs) return found.shopper;
      const shopper = logIn(nth);
      known.set(nth, { shopper, untilMs: performance.now() + tokenUsedMs });
      shopper.catch(() => known.delete(nth));
      return shopper;
    },
  };
};
