import { hashInto } from '#platform/streams/text-hash';

/**
 * Counts different texts in bounded memory: exactly up to `sketchSize`, and beyond it from the smallest hashes of them
 * (a KMV sketch), with a standard error of one over its square root. The result depends only on the set of texts, and the
 * sketches of two sets merge to the sketch of both.
 */
export type Distinct = { hashes: Set<number>; belowHash: number };

export const sketchSize = 8_192;
const hashesMax = 2 * sketchSize;
const hashRange = 2 ** 53;

export const emptyDistinct = (): Distinct => ({ hashes: new Set(), belowHash: hashRange });

export const addDistinct = (sketch: Distinct, text: string): void => addHash(sketch, hashOf(text));

export const mergeDistinct = (into: Distinct, other: Distinct): void => {
  for (const hash of other.hashes) addHash(into, hash);
};

export const countDistinct = ({ hashes }: Distinct): number => {
  if (hashes.size <= sketchSize) return hashes.size;
  const largest = smallest(hashes)[sketchSize - 1] as number;
  return Math.round(((sketchSize - 1) * hashRange) / largest);
};

export const distinctToJson = ({ hashes }: Distinct): number[] => [...hashes];

export const distinctFromJson = (json: readonly number[]): Distinct => {
  const sketch = emptyDistinct();
  for (const hash of json) addHash(sketch, hash);
  return sketch;
};

const addHash = (sketch: Distinct, hash: number): void => {
  if (hash >= sketch.belowHash) return;
  sketch.hashes.add(hash);
  if (sketch.hashes.size <= hashesMax) return;
  // One more than an estimate uses: the size then still says that there are too many to count.
  const kept = smallest(sketch.hashes);
  sketch.hashes = new Set(kept);
  sketch.belowHash = (kept.at(-1) as number) + 1;
};

const smallest = (hashes: ReadonlySet<number>): Float64Array =>
  Float64Array.from(hashes)
    .sort()
    .slice(0, sketchSize + 1);

const hash = new Uint32Array(2);

/** 53 bits, which a number holds exactly. */
const hashOf = (text: string): number => {
  hashInto(hash, text);
  return 4294967296 * (2097151 & (hash[1] as number)) + (hash[0] as number);
};
