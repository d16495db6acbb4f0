import type { History, Owned } from './history.js';

/**
 * A user's history as bytes, without loss: about a tenth of the memory of its objects. Whole numbers are written seven bits at
 * a time, numbers that rise as differences, and what follows from the rest not at all. Valid until the next call.
 */
export const packed = (history: History): Uint8Array => {
  const { baskets, lastMs, gapMs, last, owned, viewed, visits, orders } = history;
  at = 0;
  putNumber(baskets);
  putSigned(lastMs);
  if (baskets > 1) putFloat(gapMs);
  putNumber(owned.size);
  for (const [item, own] of owned) putOwned(item, own, history);
  // The items of the last order were bought last.
  const isTail =
    last.length <= owned.size &&
    [...owned.keys()].slice(-last.length).every((item, nth) => item === last[nth]);
  putNumber(last.length * 2 + (isTail || last.length === 0 ? 1 : 0));
  if (!isTail) for (const item of last) putNumber(item);
  putNumber(viewed.length);
  for (const item of viewed) putNumber(item);
  for (const numbers of [visits, orders]) {
    putNumber(numbers.length);
    let before = 0;
    for (const number of numbers) {
      putSigned(number - before);
      before = number;
    }
  }
  return bytes.subarray(0, at);
};

export const unpacked = (of: Uint8Array): History => {
  bytes.set(of);
  at = 0;
  const baskets = takeNumber();
  const lastMs = takeSigned();
  const gapMs = baskets > 1 ? takeFloat() : 0;
  const owned = new Map<number, Owned>();
  for (let left = takeNumber(); left > 0; left -= 1) takeOwned(owned, baskets, lastMs);
  const lastWritten = takeNumber();
  const lastLength = lastWritten >> 1;
  const last =
    lastWritten % 2 === 0
      ? Array.from({ length: lastLength }, takeNumber)
      : lastLength === 0
        ? []
        : [...owned.keys()].slice(-lastLength);
  const viewed = Array.from({ length: takeNumber() }, takeNumber);
  const rising = (): number[] => {
    let before = 0;
    return Array.from({ length: takeNumber() }, () => {
      before += takeSigned();
      return before;
    });
  };
  const visits = rising();
  return { baskets, lastMs, gapMs, last, owned, viewed, visits, orders: rising() };
};

const putOwned = (item: number, own: Owned, { baskets, lastMs }: History): void => {
  putNumber(item);
  // What was bought once counts 1 at both rates.
  const isSimple = own.count === 1 && own.fast === 1 && own.slow === 1 && own.gapMs === 0;
  putNumber(isSimple ? 0 : own.count);
  putSigned(baskets - own.basket);
  putSigned(lastMs - own.atMs);
  if (isSimple) return;
  putFloat(own.fast);
  putFloat(own.slow);
  putFloat(own.gapMs);
};

const takeOwned = (owned: Map<number, Owned>, baskets: number, lastMs: number): void => {
  const item = takeNumber();
  const count = takeNumber();
  const basket = baskets - takeSigned();
  const atMs = lastMs - takeSigned();
  owned.set(
    item,
    count === 0
      ? { count: 1, fast: 1, slow: 1, basket, atMs, gapMs: 0 }
      : { count, fast: takeFloat(), slow: takeFloat(), basket, atMs, gapMs: takeFloat() },
  );
};

/** More than the longest history takes. */
const bytes = Buffer.alloc(1 << 16);
let at = 0;

/** A whole number from 0 on. */
const putNumber = (number: number): void => {
  let rest = number;
  while (rest >= 128) {
    bytes[at] = (rest % 128) + 128;
    at += 1;
    rest = Math.floor(rest / 128);
  }
  bytes[at] = rest;
  at += 1;
};

const takeNumber = (): number => {
  let number = 0;
  for (let scale = 1; ; scale *= 128) {
    const byte = bytes[at]!;
    at += 1;
    number += (byte % 128) * scale;
    if (byte < 128) return number;
  }
};

const putSigned = (number: number): void => putNumber(number < 0 ? -2 * number - 1 : 2 * number);

const takeSigned = (): number => {
  const number = takeNumber();
  return number % 2 === 0 ? number / 2 : -(number + 1) / 2;
};

const putFloat = (number: number): void => {
  at = bytes.writeDoubleLE(number, at);
};

const takeFloat = (): number => {
  at += 8;
  return bytes.readDoubleLE(at - 8);
};
