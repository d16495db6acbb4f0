import { type Activity, type Product, type Query, type Scenario, scenarios } from './activity.js';

/** A line of a file of `recommend:batch`: what it says, null where it says nothing to the models, or what is wrong with it. */
export type Read<T> = { value: T | null } | { problem: string };

const idCharsMax = 256;
const textCharsMax = 10_000;
const idsMax = 10_000;
const limitMax = 1_000;

const kinds: Record<string, Activity['kind'] | null> = {
  product_viewed: 'viewed',
  product_added: 'added',
  product_removed: 'removed',
  order_placed: 'bought',
  checkout_started: null,
  products_searched: null,
  recommendation_shown: null,
  recommendation_clicked: null,
};

class Invalid extends Error {}

const reading =
  <T>(read: (fields: Record<string, unknown>) => T | null) =>
  (line: string): Read<T> => {
    try {
      const fields: unknown = JSON.parse(line);
      if (typeof fields !== 'object' || fields === null || Array.isArray(fields))
        return { problem: 'is no JSON object' };
      return { value: read(fields as Record<string, unknown>) };
    } catch (error) {
      if (error instanceof Invalid) return { problem: error.message };
      if (error instanceof SyntaxError) return { problem: 'is no JSON' };
      throw error;
    }
  };

/** `eventId` is the sender's name of the event, unique within its visit. */
export type SentActivity = Activity & { eventId: string | undefined };

export const readEvent = reading<SentActivity>((fields) => {
  const type = fields.type;
  const kind = typeof type === 'string' && Object.hasOwn(kinds, type) ? kinds[type] : undefined;
  if (kind === undefined) throw new Invalid(`has no known type (${Object.keys(kinds).join(', ')})`);
  if (kind === null) return null;
  const productIds = kind === 'bought' ? ids(fields, 'productIds') : [required(fields, 'productId')];
  if (productIds === undefined) throw new Invalid('has no productIds');
  const activity = { kind, productIds, visitId: id(fields, 'visitId'), userId: id(fields, 'userId') };
  if (kind !== 'bought' && activity.visitId === undefined && activity.userId === undefined)
    throw new Invalid('has no visitId');
  return { ...activity, atMs: time(fields, 'occurredAt'), eventId: id(fields, 'eventId') };
});

export const readQuery = reading<Query & { queryId: string }>((fields) => {
  const scenario = fields.scenario as Scenario;
  if (!scenarios.includes(scenario)) throw new Invalid(`has no known scenario (${scenarios.join(', ')})`);
  const limit = fields.limit ?? 20;
  if (typeof limit !== 'number' || !Number.isInteger(limit) || limit < 1 || limit > limitMax)
    throw new Invalid(`has a limit that is not a whole number from 1 to ${limitMax}`);
  return {
    queryId: required(fields, 'queryId'),
    scenario,
    atMs: time(fields, 'at'),
    userId: id(fields, 'userId'),
    visitId: id(fields, 'visitId'),
    visit: ids(fields, 'visit'),
    cart: ids(fields, 'cart'),
    productId: id(fields, 'productId'),
    exclude: ids(fields, 'exclude'),
    limit,
  };
});

export const readProduct = reading<Product>((fields) => ({
  id: required(fields, 'id'),
  name: text(fields, 'name') ?? '',
  category: text(fields, 'category'),
  createdAtMs: isAbsent(fields.createdAt) ? undefined : time(fields, 'createdAt'),
}));

const isAbsent = (value: unknown): value is null | undefined => value === null || value === undefined;

/** Ids are texts; whole numbers are taken as the text that they are written as. */
const idOf = (value: unknown, name: string): string => {
  const found = Number.isSafeInteger(value) ? String(value) : value;
  if (typeof found !== 'string' || found === '' || found.length > idCharsMax)
    throw new Invalid(`has a ${name} that is no text of 1 to ${idCharsMax} characters`);
  return found;
};

const id = (fields: Record<string, unknown>, name: string): string | undefined =>
  isAbsent(fields[name]) ? undefined : idOf(fields[name], name);

const required = (fields: Record<string, unknown>, name: string): string => {
  const found = id(fields, name);
  if (found === undefined) throw new Invalid(`has no ${name}`);
  return found;
};

const ids = (fields: Record<string, unknown>, name: string): string[] | undefined => {
  const found = fields[name];
  if (isAbsent(found)) return undefined;
  if (!Array.isArray(found) || found.length > idsMax)
    throw new Invalid(`has ${name} that are no list of at most ${idsMax} ids`);
  return found.map((one) => idOf(one, name));
};

const text = (fields: Record<string, unknown>, name: string): string | undefined => {
  const found = fields[name];
  if (isAbsent(found)) return undefined;
  if (typeof found !== 'string') throw new Invalid(`has a ${name} that is no text`);
  return found.slice(0, textCharsMax);
};

const time = (fields: Record<string, unknown>, name: string): number => {
  const found = fields[name];
  const ms = typeof found === 'string' && /^\d{4}-\d\d-\d\d[T ]/.test(found) ? Date.parse(found) : Number.NaN;
  if (Number.isNaN(ms)) throw new Invalid(`has no ${name} that is an RFC 3339 time`);
  return ms;
};
