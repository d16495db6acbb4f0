import { z } from 'zod';

/** An id as it is stored: a UUID in capitals is the same one, and everything compares ids as text. */
export const uuid = z.uuid().toLowerCase();

/** A time with its offset from UTC, which need not be `Z`. */
export const instant = z.iso
  .datetime({ offset: true })
  .refine((text) => !Number.isNaN(Date.parse(text)), 'is no date');

/**
 * A whole number in a query, in plain decimal digits: `0x10`, `1e1` and a blank are numbers only to JavaScript.
 * Give it a `prefault` rather than a `default`, which the OpenAPI document would lose.
 */
export const wholeNumber = (min: number, max: number) =>
  z.preprocess(
    (text) => (typeof text === 'string' && /^\d{1,16}$/.test(text) ? Number(text) : text),
    z.int().min(min).max(max),
  );

const isWellFormed = (text: string): boolean => !/\p{Surrogate}/u.test(text);
const halfACharacter = 'may not contain half a surrogate pair';

/** Text of one line as people write it: 1 to `lengthMax` characters, not blank, no control characters. */
export const line = (lengthMax: number) =>
  z
    .string()
    .min(1)
    .max(lengthMax)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
    .regex(/^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$/, 'must be one line of text')
    .refine(isWellFormed, halfACharacter);

/** Text of several lines: up to `lengthMax` characters, line breaks and tabs but no other control characters. */
export const prose = (lengthMax: number) =>
  z
    .string()
    .max(lengthMax)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
    .regex(/^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$/, 'must be plain text')
    .refine(isWellFormed, halfACharacter);

/** An address that mail can be sent to, within the lengths of RFC 5321; not normalised. */
export const emailAddress = z
  .email()
  .max(254)
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
