// biome-ignore-all lint/suspicious/noControlCharactersInRegex: control characters are what is refused here
// biome-ignore-all lint/suspicious/noMisleadingCharacterClass: single combining characters are meant
import { z } from 'zod';

/**
 * Text of at most `lengthMax` characters. A longer text is refused before any pattern runs on it, because a pattern
 * over a megabyte can block the event loop for seconds. Every text of a request is built on this schema.
 */
export const text = (lengthMax: number) => z.string().max(lengthMax, { abort: true });

/** Text that `pattern` matches. Use an anchored pattern that can match each character in one way only. */
export const matching = (lengthMax: number, pattern: RegExp, message?: string) =>
  text(lengthMax).regex(pattern, message);

/** A UUID, converted to lower case as ids are stored: one in capitals is the same id, and ids are compared as text. */
export const uuid = z.uuid().toLowerCase();

const instantCharsMax = 64;
const instantMsMin = Date.parse('0000-01-01T00:00:00.000Z');
const instantMsMax = Date.parse('9999-12-31T23:59:59.999Z');

/** An offset can carry a time out of the years that RFC 3339 has: then no answer could show it in UTC. */
const hasYearInUtc = (time: string): boolean => {
  const ms = Date.parse(time);
  return ms >= instantMsMin && ms <= instantMsMax;
};

/** An RFC 3339 time with an offset from UTC, which need not be `Z`: in UTC too its year has four digits. */
export const instant = text(instantCharsMax)
  .check(z.iso.datetime({ offset: true }))
  .refine((time) => !Number.isNaN(Date.parse(time)), { error: 'is no date', abort: true })
  .refine(hasYearInUtc, 'is not in a year from 0000 to 9999 in UTC');

/**
 * A whole number in a query, in plain decimal digits: `0x10`, `1e1` and a blank are numbers only to JavaScript.
 * Give it a `prefault` rather than a `default`, which the OpenAPI document would lose.
 */
export const wholeNumber = (min: number, max: number) =>
  z.preprocess(
    (digits) => (typeof digits === 'string' && /^\d{1,16}$/.test(digits) ? Number(digits) : digits),
    z.int().min(min).max(max),
  );

const isWellFormed = (value: string): boolean => !/\p{Surrogate}/u.test(value);
const halfACharacter = 'may not contain half a surrogate pair';

/**
 * A visible character. The OpenAPI document shows the part of the rule that other dialects of patterns support; only
 * `isVisible` refuses the invisible characters beyond the basic plane.
 */
const visibleCharacter =
  /[^\s\x00-\x20\x7f-\xa0\xad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb]/;

/** True for a text in which somebody sees something: not only blanks, controls and characters without a shape. */
export const isVisible = (value: string): boolean =>
  /[^\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}\p{Cs}\u2800]/u.test(value);
const mustBeVisible = 'must contain a visible character';

/** No control characters of either block, and no line or paragraph separators. */
const oneLine = /^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$/;
/** Line breaks and tabs, but no other control characters. */
const severalLines = /^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$/;

/** Text of one line as people write it: 1 to `lengthMax` characters, one of them visible, no control characters. */
export const line = (lengthMax: number) =>
  text(lengthMax)
    .min(1)
    .regex(oneLine, 'must be one line of text')
    .regex(visibleCharacter, { error: mustBeVisible, abort: true })
    .refine(isVisible, mustBeVisible)
    .refine(isWellFormed, halfACharacter);

/** Text of several lines: up to `lengthMax` characters, line breaks and tabs but no other control characters. */
export const prose = (lengthMax: number) =>
  text(lengthMax).regex(severalLines, 'must be plain text').refine(isWellFormed, halfACharacter);

/** The same where somebody has to read something in it: one of its characters is visible. */
export const visibleProse = (lengthMax: number) =>
  prose(lengthMax)
    .min(1)
    .regex(visibleCharacter, { error: mustBeVisible, abort: true })
    .refine(isVisible, mustBeVisible);

const emailCharsMax = 254;

/** An address that mail can be sent to, within the lengths of RFC 5321; not normalised. */
export const emailAddress = text(emailCharsMax)
  .check(z.email({ abort: true }))
  .refine((address) => {
    const at = address.lastIndexOf('@');
    return (
      at <= 64 &&
      address
        .slice(at + 1)
        .split('.')
        .every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i.test(label))
    );
  }, 'is not an e-mail address');
