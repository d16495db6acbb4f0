import { hashOf } from './text-hash.js';

/** Tokens are numbers below it. */
export const bucketsMax = 1 << 18;
export const isWord = (token: number): boolean => token % 2 === 0;

const wordsMax = 40;

/** Hashed tokens (Weinberger et al. 2009). Even numbers are words and categories, odd ones groups of letters. */
export const tokensIn = (name: string, category: string | undefined): number[] => {
  const words =
    name
      .toLowerCase()
      .normalize('NFKD')
      .match(/[\p{L}\p{N}]+/gu)
      ?.slice(0, wordsMax) ?? [];
  const tokens: number[] = [];
  let previous = '';
  for (const word of words) {
    tokens.push(2 * hash(word));
    if (previous !== '') tokens.push(2 * hash(`${previous} ${word}`));
    previous = word;
    const padded = `_${word}_`;
    for (let at = 0; at + 4 <= padded.length; at += 1) tokens.push(2 * hash(padded.slice(at, at + 4)) + 1);
  }
  let path = '';
  for (const part of category?.split('/').slice(0, 8) ?? []) {
    path += `/${part}`;
    tokens.push(2 * hash(path));
  }
  return tokens;
};

const hash = (text: string): number => hashOf(text) % (bucketsMax / 2);
