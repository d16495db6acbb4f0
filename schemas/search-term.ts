/**
 * What searches are compared by: capitals, blanks around and between words, and compatible forms of characters do not
 * matter.
 */
export const termOf = (typed: string): string =>
  typed.normalize('NFKC').replace(/\s+/g, ' ').trim().toLowerCase();

/**
 * `termOf` in ClickHouse, for a column of what was typed. Bytes that are not UTF-8 are what JavaScript reads them as: otherwise
 * one such row would fail every statement that reads it.
 */
export const termInSql = (typed: string): string =>
  `lowerUTF8(trim(replaceRegexpAll(normalizeUTF8NFKC(toValidUTF8(ifNull(${typed}, ''))), '\\\\s+', ' ')))`;
