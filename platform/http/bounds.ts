import { z } from 'zod';
import type { InputError } from './problem-details.js';

/**
 * Adds to `found` each value that is larger than `schema` allows and each unknown field. It reads no text's content.
 */
export type BoundsCheck = (value: unknown, path: string, found: InputError[]) => void;

const foundMax = 20;
const shownNameCharsMax = 100;
const nothing: BoundsCheck = () => {};

/**
 * Returns a check of the sizes that a request's schema allows, to run before the schema itself. Zod validates every
 * item of a list and runs every pattern before it reports a length, so one large body would block the process for
 * seconds. After this check the schema itself bounds the work of validation. Throws, when the route is declared, for a
 * text, a list or a record without a bound, and for an object that allows unknown fields unless `isOpen`.
 */
export const boundsOf = (schema: z.core.$ZodType, where: string, isOpen = false): BoundsCheck => {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  const inside = (inner: z.core.$ZodType, step = ''): BoundsCheck =>
    boundsOf(inner, `${where}${step}`, isOpen);
  switch (def.type) {
    case 'string':
      return boundsOfText(schema, where);
    case 'array':
      return boundsOfList(maximumOf(schema, where), inside(def.element, '[]'));
    case 'object':
      if (!isOpen && def.catchall === undefined)
        throw new Error(`${where}: use z.strictObject, so that unknown fields are refused`);
      return boundsOfObject(
        new Map(Object.entries(def.shape).map(([name, field]) => [name, inside(field, `.${name}`)])),
        isOpen,
      );
    case 'record':
      return boundsOfRecord(
        maximumOf(schema, where),
        inside(def.keyType, ' key'),
        inside(def.valueType, '{}'),
      );
    case 'union':
      return boundsOfUnion(def.options.map((option) => ({ isText: isText(option), check: inside(option) })));
    case 'pipe':
      return inside(isTransform(def.in) ? def.out : def.in);
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'nonoptional':
    case 'readonly':
    case 'catch':
      return inside(def.innerType);
    default:
      return nothing;
  }
};

const isTransform = (schema: z.core.$ZodType): boolean => schema._zod.def.type === 'transform';
const isText = (schema: z.core.$ZodType): boolean => schema._zod.def.type === 'string';

/** A list and a text declare their bound with `.max`, a record with `.meta({ maxProperties })`. */
const maximumOf = (schema: z.core.$ZodType, where: string): number => {
  const { maxProperties } = (z.globalRegistry.get(schema) ?? {}) as { maxProperties?: number };
  const checks = (schema._zod.def.checks ?? []).map((check) => check._zod.def as { maximum?: number });
  const maximum = maxProperties ?? checks.find((check) => check.maximum !== undefined)?.maximum;
  if (maximum === undefined) throw new Error(`${where}: say how large it may be`);
  return maximum;
};

/** Values of these formats have a fixed length, and their patterns cannot backtrack. */
const formatsOfOneLength = ['uuid'];

const boundsOfText = (schema: z.core.$ZodType, where: string): BoundsCheck => {
  const { format = '' } = schema._zod.def as { format?: string };
  if (formatsOfOneLength.includes(format)) return nothing;
  const charactersMax = maximumOf(schema, where);
  return (value, path, found) => {
    if (typeof value === 'string' && value.length > charactersMax)
      found.push({ path, message: `must have at most ${charactersMax} characters` });
  };
};

const boundsOfList =
  (itemsMax: number, item: BoundsCheck): BoundsCheck =>
  (value, path, found) => {
    if (!Array.isArray(value)) return;
    if (value.length > itemsMax) found.push({ path, message: `must have at most ${itemsMax} items` });
    else
      for (let index = 0; index < value.length && found.length < foundMax; index += 1)
        item(value[index], `${path}/${index}`, found);
  };

const boundsOfObject =
  (fields: ReadonlyMap<string, BoundsCheck>, isOpen: boolean): BoundsCheck =>
  (value, path, found) => {
    if (!isRecord(value)) return;
    for (const name in value) {
      if (found.length >= foundMax) return;
      const field = fields.get(name);
      if (field !== undefined) field(value[name], `${path}/${name}`, found);
      else if (!isOpen)
        found.push({ path: `${path}/${step(name)}`, message: 'is not a field of this request' });
    }
  };

const boundsOfRecord =
  (entriesMax: number, key: BoundsCheck, item: BoundsCheck): BoundsCheck =>
  (value, path, found) => {
    if (!isRecord(value)) return;
    const names = Object.keys(value);
    if (names.length > entriesMax) found.push({ path, message: `must have at most ${entriesMax} entries` });
    else
      for (const name of names) {
        if (found.length >= foundMax) return;
        key(name, `${path}/${step(name)}`, found);
        item(value[name], `${path}/${step(name)}`, found);
      }
  };

/** A value is too large for a union only if it is too large for every option that it could match. */
const boundsOfUnion =
  (options: readonly { isText: boolean; check: BoundsCheck }[]): BoundsCheck =>
  (value, path, found) => {
    let refusal: InputError[] = [];
    for (const { isText, check } of options) {
      if (isText !== (typeof value === 'string')) continue;
      refusal = [];
      check(value, path, refusal);
      if (refusal.length === 0) return;
    }
    found.push(...refusal);
  };

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** One step of a JSON pointer; a long name is cut. */
const step = (name: string): string =>
  name.slice(0, shownNameCharsMax).replaceAll('~', '~0').replaceAll('/', '~1');
