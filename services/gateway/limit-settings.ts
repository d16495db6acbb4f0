import { z } from 'zod';
import type { LiveSetting } from '#platform/settings/live-setting';
import { type LimitName, limits } from './routing-table.js';

/** `relaxed` limits are this many times the strict ones, unless a limit is set. */
export const relaxation = 1000;

const requestsMax = z.int().min(1).max(10_000_000);

const settingOf = (name: LimitName): LiveSetting<number> => {
  const { requestsMax: strict, windowMs } = limits[name];
  return {
    key: `limits.${name}`,
    schema: requestsMax,
    unit: `requests per ${windowMs / 1000} s`,
    description: descriptions[name],
    default: strict,
    environment: {
      variable: 'LIMITS',
      read: (text) => (text === 'relaxed' ? strict * relaxation : strict),
    },
  };
};

const descriptions: Readonly<Record<LimitName, string>> = {
  general: 'Requests of one client to all routes without a limit of their own.',
  products: 'Searches and changes of products by one client.',
  orders: 'Orders, and changes of orders, by one client.',
  ordersOfGuest: 'Orders without a login for one e-mail address.',
  payments: 'Payments and refunds by one client.',
  paymentWebhooks: 'Reports of one payment provider, by the address that they come from.',
  loginsOfAccount: 'Attempts to log in to one account.',
  loginsFromAddress: 'Attempts to log in from one network address.',
  registrationsOfAccount: 'Attempts to register one e-mail address.',
  registrationsFromAddress: 'Registrations from one network address.',
  passwordResetsOfAccount: 'Requests to reset the password of one account.',
  passwordResetsFromAddress: 'Requests to reset passwords from one network address.',
  mailedTokensFromAddress: 'Tokens of e-mails that come back from one network address.',
  verificationsSent: 'Requests for another verification message by one account.',
  exports: 'Exports of everything that is stored about one account.',
  passwordChanges: 'Attempts to change the password of one account.',
};

/** The limit of each route's requests, by its name in the routing table. */
export const limitSettings = Object.fromEntries(
  (Object.keys(limits) as LimitName[]).map((name) => [name, settingOf(name)]),
) as Record<LimitName, LiveSetting<number>>;
