import { type InputError, problem } from './problem-details.js';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The deepest nesting of lists and objects in a body. */
export const depthMax = 100;

/** The most commas and colons of a body whose route does not say otherwise: some 2500 members or 5000 items. */
export const separatorsMaxByDefault = 5000;

export type JsonLimits = {
  /** The most commas and colons outside of texts, hence of members and items. */
  separatorsMax?: number | undefined;
  /** False where the caller checks itself whether strings can be stored. */
  mustBeKeepable?: boolean;
};

/**
 * Parses JSON as the platform accepts it: valid UTF-8, no whole number beyond the safe integers (parsing would change
 * it), no `__proto__` or `constructor.prototype` keys, no name twice in an object (parsing would drop one of the two), and
 * no string that a database cannot store (NUL, half a surrogate pair). Depth and number of values are bounded before
 * anything is parsed.
 */
export const strictJson = (
  bytes: Buffer,
  { separatorsMax = separatorsMaxByDefault, mustBeKeepable = true }: JsonLimits = {},
): unknown => {
  if (bytes.length === 0) throw problem(400, 'malformed_json', 'The body is empty.');
  const { tooLarge, members } = measured(bytes, separatorsMax);
  if (tooLarge !== undefined)
    throw problem(400, 'invalid_body', 'The body has more values than this route accepts.', {
      errors: [{ path: '', message: tooLarge }],
    });
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw problem(400, 'malformed_json', 'The body is not valid UTF-8.');
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw problem(400, 'malformed_json', `The body is not JSON: ${(error as Error).message.slice(0, 200)}`);
  }
  const found = { members: 0, isKeepable: true };
  look(value, found);
  if (found.members !== members)
    throw problem(400, 'malformed_json', 'An object of the body has two members of the same name.');
  if (mustBeKeepable && !found.isKeepable)
    throw problem(400, 'invalid_body', 'The body contains values that cannot be stored unchanged.', {
      errors: unacceptable(value, '', []),
    });
  return value;
};

const [quote, backslash, comma, colon] = ['"', '\\', ',', ':'].map((sign) => sign.charCodeAt(0));
const [listStart, listEnd, objectStart, objectEnd] = ['[', ']', '{', '}'].map((sign) => sign.charCodeAt(0));

/**
 * How many members a body's objects have, if it is JSON, and which bound it exceeds, if it exceeds one. One pass over the
 * bytes takes about a millisecond for a megabyte. To parse a megabyte of keys, or to walk a value that is nested half a
 * million deep, would block the event loop for a second.
 */
const measured = (bytes: Buffer, separatorsMax: number): { members: number; tooLarge?: string } => {
  let depth = 0;
  let separators = 0;
  let members = 0;
  let isInText = false;
  for (let at = 0; at < bytes.length; at += 1) {
    const sign = bytes[at];
    if (isInText) {
      if (sign === backslash) at += 1;
      else if (sign === quote) isInText = false;
    } else if (sign === quote) isInText = true;
    else if (sign === comma || sign === colon) {
      separators += 1;
      if (sign === colon) members += 1;
      if (separators > separatorsMax)
        return { members, tooLarge: `has more than ${separatorsMax} commas and colons` };
    } else if (sign === listStart || sign === objectStart) {
      depth += 1;
      if (depth > depthMax) return { members, tooLarge: `is nested more than ${depthMax} deep` };
    } else if (sign === listEnd || sign === objectEnd) depth -= 1;
  }
  return { members };
};

/** Counts the members of all objects of a parsed value, and notes whether each value and name can be kept. */
const look = (value: unknown, found: { members: number; isKeepable: boolean }): void => {
  if (typeof value === 'string') {
    if (textProblem(value) !== undefined) found.isKeepable = false;
  } else if (typeof value === 'number') {
    if (isInexact(value)) found.isKeepable = false;
  } else if (Array.isArray(value)) for (const item of value) look(item, found);
  else if (typeof value === 'object' && value !== null)
    for (const name in value) {
      const item: unknown = value[name as keyof typeof value];
      found.members += 1;
      if (isTreacherous(name, item) || textProblem(name) !== undefined) found.isKeepable = false;
      look(item, found);
    }
};

/** A whole number that JSON may have written otherwise. */
const isInexact = (value: number): boolean => Number.isInteger(value) && !Number.isSafeInteger(value);

const isTreacherous = (name: string, item: unknown): boolean =>
  name === '__proto__' || (name === 'constructor' && typeof item === 'object');

const errorsMax = 20;

const unacceptable = (value: unknown, path: string, errors: InputError[]): InputError[] => {
  if (errors.length >= errorsMax) return errors;
  if (typeof value === 'string') {
    const message = textProblem(value);
    if (message !== undefined) errors.push({ path, message });
  } else if (typeof value === 'number') {
    if (isInexact(value))
      errors.push({ path, message: `is a whole number beyond ${Number.MAX_SAFE_INTEGER}` });
  } else if (Array.isArray(value))
    value.forEach((item, index) => {
      unacceptable(item, `${path}/${index}`, errors);
    });
  else if (typeof value === 'object' && value !== null)
    for (const [key, item] of Object.entries(value)) {
      if (isTreacherous(key, item)) errors.push({ path, message: `may not have a key ${key}` });
      else if (textProblem(key) !== undefined)
        errors.push({ path, message: 'has a key that cannot be kept' });
      else unacceptable(item, `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`, errors);
    }
  return errors;
};

const textProblem = (text: string): string | undefined =>
  text.includes('\0')
    ? 'may not contain NUL'
    : !text.isWellFormed()
      ? 'may not contain half a surrogate pair'
      : undefined;
