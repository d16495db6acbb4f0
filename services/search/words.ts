/** The most words of a query that are searched; further ones are ignored. */
export const queryWordsMax = 12;

/** A longer word is cut: nobody types one, and the cost of comparing words grows with their length. */
const wordCharsMax = 40;

/**
 * The words of a text as they are indexed and searched: without case, accents and punctuation, and in the singular, so
 * that `Lights` finds `light`. Bounded by the length of the text.
 */
export const wordsOf = (text: string): string[] => typedWordsOf(text).map(singular);

/** The words as somebody typed them, without case, accents and punctuation. */
export const typedWordsOf = (text: string): string[] =>
  (
    text
      .normalize('NFKD')
      .replaceAll(/\p{M}/gu, '')
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []
  ).map((word) => word.slice(0, wordCharsMax));

/** An English word in the singular, by its ending alone; other words are left as they are. */
export const singular = (word: string): string => {
  if (word.length < 4 || !word.endsWith('s') || /(ss|us|is|\ds)$/.test(word)) return word;
  if (word.endsWith('ies') && word.length > 4) return `${word.slice(0, -3)}y`;
  if (/(sh|ch|x|z|ss)es$/.test(word)) return word.slice(0, -2);
  return word.slice(0, -1);
};

/** Words are shorter. One comparison at a time uses the rows. */
const rowLength = wordCharsMax + 1;
let beforeLast = new Uint8Array(rowLength);
let last = new Uint8Array(rowLength);
let row = new Uint8Array(rowLength);

/**
 * The number of edits between two words of 40 characters at most if it is at most `max`, else `max + 1`: a letter added,
 * left out, replaced, or two neighbours swapped count as one (optimal string alignment).
 */
export const distanceOf = (one: string, other: string, max: number): number => {
  if (Math.abs(one.length - other.length) > max) return max + 1;
  for (let j = 0; j <= other.length; j += 1) last[j] = j;
  for (let i = 1; i <= one.length; i += 1) {
    const letter = one.charCodeAt(i - 1);
    row[0] = i;
    let best = i;
    for (let j = 1; j <= other.length; j += 1) {
      const replaced = (last[j - 1] as number) + (letter === other.charCodeAt(j - 1) ? 0 : 1);
      let cost = Math.min((last[j] as number) + 1, (row[j - 1] as number) + 1, replaced);
      if (
        i > 1 &&
        j > 1 &&
        letter === other.charCodeAt(j - 2) &&
        one.charCodeAt(i - 2) === other.charCodeAt(j - 1)
      )
        cost = Math.min(cost, (beforeLast[j - 2] as number) + 1);
      row[j] = cost;
      if (cost < best) best = cost;
    }
    if (best > max) return max + 1;
    [beforeLast, last, row] = [last, row, beforeLast];
  }
  return Math.min(last[other.length] as number, max + 1);
};
