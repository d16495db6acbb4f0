import { type InputError, problem } from './problem-details.js';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Parses JSON as the platform accepts it: valid UTF-8, no whole number beyond the safe integers (parsing would change
 * it), no `__proto__` or `constructor.prototype` keys, and no string that a database cannot store (NUL, half a
 * surrogate pair). With `mustBeKeepable` false the caller checks the strings itself.
 */
export const strictJson = (bytes: Buffer, mustBeKeepable = true): unknown => {
  if (bytes.length === 0) throw problem(400, 'malformed_json', 'The body is empty.');
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
  // The text is searched first: almost no body has any of them, and a walk over every value is slower.
  if (mustBeKeepable && /\\u(00[0-7]|d[89a-f])|__proto__|constructor|\d{16}|\de\+?\d/i.test(text)) {
    const errors = unacceptable(value, '', []);
    if (errors.length > 0)
      throw problem(400, 'invalid_body', 'The body contains values that cannot be stored unchanged.', {
        errors,
      });
  }
  return value;
};

const errorsMax = 20;
const depthMax = 100;

const unacceptable = (value: unknown, path: string, errors: InputError[], depth = 0): InputError[] => {
  if (errors.length >= errorsMax) return errors;
  if (depth > depthMax) {
    errors.push({ path: path.slice(0, 200), message: `is nested more than ${depthMax} deep` });
    return errors;
  }
  if (typeof value === 'string') {
    const message = textProblem(value);
    if (message !== undefined) errors.push({ path, message });
  } else if (typeof value === 'number') {
    if (Number.isInteger(value) && !Number.isSafeInteger(value))
      errors.push({ path, message: `is a whole number beyond ${Number.MAX_SAFE_INTEGER}` });
  } else if (Array.isArray(value))
    value.forEach((item, index) => {
      unacceptable(item, `${path}/${index}`, errors, depth + 1);
    });
  else if (typeof value === 'object' && value !== null)
    for (const [key, item] of Object.entries(value)) {
      if (key === '__proto__' || (key === 'constructor' && typeof item === 'object'))
        errors.push({ path, message: `may not have a key ${key}` });
      else if (textProblem(key) !== undefined)
        errors.push({ path, message: 'has a key that cannot be kept' });
      else
        unacceptable(item, `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`, errors, depth + 1);
    }
  return errors;
};

const textProblem = (text: string): string | undefined =>
  text.includes('\0')
    ? 'may not contain NUL'
    : /\p{Surrogate}/u.test(text)
      ? 'may not contain half a surrogate pair'
      : undefined;
