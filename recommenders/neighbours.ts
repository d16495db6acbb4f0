import type { Scores } from './scores.js';
import { nthLargest } from './selection.js';
import { grownTo } from './typed-arrays.js';
import type { VisitIndex } from './visit-index.js';

/** An item of the context, with the weight that it has in it. */
export type Anchor = { item: number; weight: number };

export type NeighbourSettings = {
  /** The share of each item's latest visits that is looked at, at most so many. */
  visitsPerItemMax: number;
  /** So many of the most similar visits count. */
  neighboursMax: number;
  /** A neighbour's weight halves when so many later visits came to the item. */
  halfAge: number;
  /** The distance in steps from the matching item at which an item counts 1/e. */
  reach: number;
  /** Similarity to this power weighs a neighbour. */
  sharpness: number;
};

/**
 * Visit neighbours, in the family of VMIS-kNN (Kersbergen et al., SIGMOD 2022) and STAN (Garg et al., SIGIR 2019):
 *
 *     sim(q, s) = sum over items a in both of weight(a) * 1 / (1 + age(s, a) / halfAge), over sqrt(|s|)
 *     score(i)  = sum over neighbours s of sim(q, s)^sharpness * exp(-|step(i) - step(match)| / reach)
 *
 * where age(s, a) counts the visits that came to a after s, so that it has no unit of time and suits a busy shop and a
 * quiet one; match is the anchor of the largest weight. Items after the match and before it are summed apart, since a
 * visit has a direction.
 */
export const createNeighbours = (index: VisitIndex) => {
  let sims = new Float64Array(1024);
  let matches = new Int32Array(1024);
  let copies = new Float64Array(1024);
  const touched: number[] = [];

  const gather = (anchors: readonly Anchor[], settings: NeighbourSettings, own: number): void => {
    const { lengths } = index;
    for (const { item, weight } of anchors) {
      const ring = index.visitsOf(item);
      if (ring === undefined) continue;
      const from = Math.max(0, ring.size - settings.visitsPerItemMax);
      const { entries, begin, length, start, size } = ring;
      let at = (start + size) % length;
      for (let nth = size - 1; nth >= from; nth -= 1) {
        at = at === 0 ? length - 1 : at - 1;
        const visit = entries[begin + at]!;
        if (visit === own) continue;
        if (!index.isKept(visit)) break;
        const slot = index.slotOf(visit);
        if (lengths[slot] === 0) continue;
        if (slot >= sims.length) {
          sims = grownTo(sims, slot);
          matches = grownTo(matches, slot);
        }
        if (sims[slot] === 0) {
          touched.push(slot);
          matches[slot] = item;
        }
        sims[slot]! += weight / (1 + (size - 1 - nth) / settings.halfAge);
      }
    }
  };

  /** The similarity that the `neighboursMax` nearest reach. */
  const thresholdOf = (neighboursMax: number): number => {
    const { lengths } = index;
    if (touched.length <= neighboursMax) return 0;
    if (copies.length < touched.length) copies = new Float64Array(2 * touched.length);
    for (let nth = 0; nth < touched.length; nth += 1) {
      const slot = touched[nth]!;
      copies[nth] = sims[slot]! / Math.sqrt(lengths[slot]!);
    }
    return nthLargest(copies, touched.length, neighboursMax);
  };

  /** Anchors: the one of the largest weight first. `own` is a visit that is no neighbour; -1 for none. */
  return (
    anchors: readonly Anchor[],
    settings: NeighbourSettings,
    after: Scores,
    before: Scores,
    own = -1,
  ): void => {
    gather(anchors, settings, own);
    const threshold = thresholdOf(settings.neighboursMax);
    const falling = fallingBy(settings.reach);
    const { lengths } = index;
    for (let nth = 0; nth < touched.length; nth += 1) {
      const slot = touched[nth]!;
      const near = sims[slot]! / Math.sqrt(lengths[slot]!);
      sims[slot] = 0;
      if (near < threshold) continue;
      const sim = sharpened(near, settings.sharpness);
      const { items, begin, length } = index.stepsAt(slot);
      let match = length - 1;
      while (match > 0 && items[begin + match] !== matches[slot]) match -= 1;
      for (let step = 0; step < length; step += 1)
        (step > match ? after : before).add(items[begin + step]!, sim * falling[Math.abs(step - match)]!);
    }
    touched.length = 0;
  };
};

/** The usual powers, without the time that a power takes. */
const sharpened = (value: number, sharpness: number): number =>
  sharpness === 2 ? value * value : sharpness === 1.5 ? value * Math.sqrt(value) : value ** sharpness;

const tables = new Map<number, Float64Array>();

const fallingBy = (reach: number): Float64Array => {
  const table =
    tables.get(reach) ?? Float64Array.from({ length: 256 }, (_, distance) => Math.exp(-distance / reach));
  tables.set(reach, table);
  return table;
};
