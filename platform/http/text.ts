import { z } from 'zod';

/** Text of one line as people write it: 1 to `lengthMax` characters, not blank, no control characters. */
export const line = (lengthMax: number) =>
  z
    .string()
    .min(1)
    .max(lengthMax)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
    .regex(/^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$/, 'must be one line of text');

/** Text of several lines: up to `lengthMax` characters, line breaks and tabs but no other control characters. */
export const prose = (lengthMax: number) =>
  z
    .string()
    .max(lengthMax)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
    .regex(/^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$/, 'must be plain text');
