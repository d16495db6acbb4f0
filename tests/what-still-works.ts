import { type ServiceName, services } from '../services/table.js';

/** Something that people do in the shop, or see of it. */
const abilities = [
  'browse',
  'search',
  'stock',
  'account',
  'login',
  'cart',
  'order',
  'confirmation',
  'payments',
  'reviews',
  'recommendations',
  'notifications',
  'settings',
  'analytics',
  'dead letters',
] as const;

export type Ability = (typeof abilities)[number];

/** The engines that the shop can be without; PostgreSQL is cut off database by database. */
export const engines = ['redis', 'kafka', 'clickhouse', 'schema-registry'] as const;

export type Engine = (typeof engines)[number];

/**
 * What may be missing while a service, or its database, is away. Everything else that is in `abilities` works: orders that
 * may not be confirmed meanwhile are accepted, wait, and end when it is back.
 */
const missingWithout: Readonly<Record<ServiceName | Engine, readonly Ability[]>> = {
  user: ['account', 'login'],
  product: ['browse'],
  search: ['search'],
  inventory: ['stock', 'confirmation'],
  cart: ['cart'],
  order: ['order', 'confirmation'],
  payment: ['payments', 'confirmation'],
  review: ['reviews'],
  notification: ['notifications'],
  config: ['settings'],
  operations: ['dead letters'],
  analytics: ['analytics'],
  recommendation: ['recommendations'],
  redis: [],
  kafka: ['confirmation'],
  clickhouse: ['analytics'],
  'schema-registry': [],
};

/** How a part of the platform is away: its process is dead, its database refuses everybody, or it does not answer. */
export type Outage = { part: ServiceName; how: 'stopped' | 'cut off' } | { part: Engine; how: 'frozen' };

export const outages: readonly Outage[] = [
  ...services.flatMap(({ name: part }): Outage[] => [
    { part, how: 'stopped' },
    // The analytics service has no database of its own.
    ...(part === 'analytics' ? [] : [{ part, how: 'cut off' } as const]),
  ]),
  ...engines.map((part): Outage => ({ part, how: 'frozen' })),
];

export const mayBeMissing = ({ part }: Outage): readonly Ability[] => missingWithout[part];
