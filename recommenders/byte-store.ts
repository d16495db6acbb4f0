import { createBlocks } from './blocks.js';

/** Short byte arrays in blocks, outside the heap, where a million of them would make each garbage collection long. */
export type ByteStore = {
  /** A number by which the bytes, at most 65,532, are found again. */
  add(bytes: Uint8Array): number;
  /** Valid until the next call. */
  get(number: number): Uint8Array;
  delete(number: number): void;
};

/** In numbers of four bytes, the first of which is how many bytes are there. */
const lengthMax = 1 << 14;
const classesMax = 16;

export const createByteStore = (): ByteStore => {
  const blocks = createBlocks(lengthMax, false);
  const classFor = (length: number): number => {
    let sizeClass = 0;
    while (blocks.lengthOf(sizeClass) < length) sizeClass += 1;
    return sizeClass;
  };
  const placeOf = (number: number, length: number): Uint8Array => {
    const address = Math.floor(number / classesMax);
    const { buffer } = blocks.segmentOf(address).numbers;
    return new Uint8Array(buffer, (blocks.beginOf(address) + 1) * 4, length);
  };
  return {
    add: (bytes) => {
      const sizeClass = classFor(1 + Math.ceil(bytes.length / 4));
      const address = blocks.allocate(sizeClass);
      const number = address * classesMax + sizeClass;
      blocks.segmentOf(address).numbers[blocks.beginOf(address)] = bytes.length;
      placeOf(number, bytes.length).set(bytes);
      return number;
    },
    get: (number) => {
      const address = Math.floor(number / classesMax);
      return placeOf(number, blocks.segmentOf(address).numbers[blocks.beginOf(address)]!);
    },
    delete: (number) => blocks.free(Math.floor(number / classesMax), number % classesMax),
  };
};
